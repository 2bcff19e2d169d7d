"""The web layer, as type checkers see it: written once here as an application would write it."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import assert_type

from fastapi import Depends, FastAPI, Request, Response
from flask import Flask
from litestar import Litestar
from starlette.applications import Starlette
from starlette.middleware import Middleware

from datapatterns import AsyncStore, Document, Page, Store
from datapatterns.web import (
    BodyLimitMiddleware,
    IdempotencyMiddleware,
    RateLimitMiddleware,
    client_host,
    etag,
    if_match,
    links,
    stored_answers,
)
from datapatterns.web import fastapi as on_fastapi
from datapatterns.web import flask as on_flask
from datapatterns.web import litestar as on_litestar
from datapatterns.web import starlette as on_starlette


class Note(Document):
    """A document."""

    text: str = ""


def test_an_application_type_checks(tmp_path: Path) -> None:
    """Middlewares, dependencies, decorators and installs, with the frameworks' own types."""
    store = AsyncStore.from_url(f"level:{tmp_path}/data")
    app = FastAPI()
    on_fastapi.install(app, http_errors=True)
    app.add_middleware(
        RateLimitMiddleware,
        limiter=lambda scope: store.rate_limiter("api", limit=1, window=1),
        subject=client_host,
    )
    app.add_middleware(
        IdempotencyMiddleware, answers=lambda scope: stored_answers(store), subject=client_host
    )
    limit = on_fastapi.rate_limit(
        lambda request: store.rate_limiter("api", limit=1, window=1),
        subject=lambda request: request.headers.get("authorization"),
    )

    @app.put("/{id}", dependencies=[Depends(limit)])
    async def put(id: str, note: Note, request: Request, response: Response) -> Note:
        notes = store.repository("notes", Note)
        with if_match(request) as match:
            assert_type(match.rev, str | None)
            changed = await notes.update(id, {"text": note.text}, rev=match.rev)
        response.headers["ETag"] = etag(changed)
        page: Page[Note] = await notes.list()
        response.headers.update(links(page, request.url))
        return changed

    assert put is not None
    on_starlette.install(Starlette(middleware=[Middleware(BodyLimitMiddleware, limit=1)]))
    install = functools.partial(on_litestar.install, http_errors=True)
    Litestar(on_app_init=[on_litestar.install, install], openapi_config=None, logging_config=None)


def test_a_decorated_view_keeps_its_type(tmp_path: Path) -> None:
    """Flask's `route` sees what was written."""
    with Store.from_url(f"level:{tmp_path}/data") as store:
        app = Flask("test")
        on_flask.install(app)
        limiter = store.rate_limiter("api", limit=1, window=1)

        @app.get("/<id>")
        @on_flask.rate_limit(limiter, subject=lambda request: request.remote_addr)
        def read(id: str) -> str:
            return id

        with app.test_request_context():
            assert_type(read("7"), str)
