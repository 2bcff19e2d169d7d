"""The application: serve what `create_app(Settings(...))` returns."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

from datapatterns.demo.mailroom import desk, lab, messages, people
from datapatterns.demo.mailroom.guard import Guard
from datapatterns.demo.mailroom.live import Live
from datapatterns.demo.mailroom.office import Mailroom, Settings
from datapatterns.demo.mailroom.requests import limited, mailroom_of, requester
from datapatterns.demo.mailroom.sample import fill
from datapatterns.demo.mailroom.workers import Crew
from datapatterns.web import BodyLimitMiddleware, IdempotencyMiddleware, RateLimitMiddleware
from datapatterns.web.fastapi import install

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_LARGEST = 32_768  # bytes of a request's body
_PAGE = Path(__file__).parent / "page"


def create_app(settings: Settings, *, hosts: Collection[str] | None = LOOPBACK) -> FastAPI:
    """Return the application, which opens its stores and starts its workers at start-up."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        async with Mailroom(settings) as mailroom, Live(mailroom.emitter) as live:
            if settings.sample:
                await fill(mailroom)
            async with Crew(mailroom) as crew:
                app.state.mailroom, app.state.live, app.state.crew = mailroom, live, crew
                yield

    # FastAPI's own documentation pages are off: they load scripts from other servers.
    app = FastAPI(title="Mailroom", lifespan=lifespan, docs_url=None, redoc_url=None)
    install(app, http_errors=True)
    # The middleware that is added last runs first, so a refused request causes no further work.
    app.add_middleware(
        IdempotencyMiddleware,
        answers=lambda scope: mailroom_of(scope).answers,
        subject=requester,
        ttl=3_600.0,
    )
    app.add_middleware(
        RateLimitMiddleware, limiter=lambda scope: mailroom_of(scope).limiter, subject=limited
    )
    app.add_middleware(BodyLimitMiddleware, limit=_LARGEST)
    app.add_middleware(Guard, hosts=hosts)
    for routes in (people, messages, desk, lab):
        app.include_router(routes.router)
    app.mount("/page", StaticFiles(directory=_PAGE))

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        """Return the page."""
        return FileResponse(_PAGE / "index.html")

    return app
