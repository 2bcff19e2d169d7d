"""Rate limits on requests: headers on every answer, 429 on a refused one."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from web.apps import Exploding, asgi_call, boom, wsgi_call

from datapatterns import AsyncStore, Store
from datapatterns.core.decisions import Decision
from datapatterns.core.rate_limiter import degraded, make_policy
from datapatterns.errors import Unavailable
from datapatterns.web import ProblemMiddleware, RateLimitMiddleware, client_host


def user(scope: Any) -> str | None:
    """Return the caller that the header names."""
    return next((v.decode() for k, v in scope["headers"] if k == b"x-user"), None)


async def fine(scope: Any, receive: Any, send: Any) -> None:
    """Answer 200."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-app", b"1")]})
    await send({"type": "http.response.body", "body": b"fine"})


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[AsyncStore]:
    """Yield an open store."""
    async with AsyncStore.from_url(f"level:{tmp_path}/data") as store:
        yield store


@pytest.fixture
def limiter(tmp_path: Path) -> Any:
    """Return a sync limiter of two requests an hour."""
    with Store.from_url(f"level:{tmp_path}/sync") as store:
        yield store.rate_limiter("api", limit=2, window=3600)


async def ask(app: Any, path: str = "/", **headers: str) -> httpx2.Response:
    """Make a request of an application on this event loop."""
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.get(path, headers=headers)


async def test_every_answer_says_what_is_left(store: AsyncStore) -> None:
    """Every answer to a limited subject has the headers, others have none."""
    limiter = store.rate_limiter("api", limit=2, window=3600)
    app = RateLimitMiddleware(fine, limiter, subject=user)
    left = [(await ask(app, **{"x-user": "ada"})).headers["ratelimit"] for _ in range(2)]
    assert [text.partition(";t=")[0] for text in left] == ['"api";r=1', '"api";r=0']
    refused = await ask(app, **{"x-user": "ada"})
    assert refused.status_code == 429
    assert refused.json()["code"] == "rate_limited"
    assert 0 < int(refused.headers["retry-after"]) <= 3960
    assert refused.headers["ratelimit-policy"] == '"api";q=2;w=3600'
    assert "x-app" not in refused.headers
    assert (await ask(app, **{"x-user": "eve"})).status_code == 200
    assert "ratelimit" not in (await ask(app)).headers


async def test_errors_of_the_application_say_it_too(store: AsyncStore) -> None:
    """Errors have the headers too, inside and outside of the middleware."""
    limiter = store.rate_limiter("api", limit=9, window=3600)
    limited = RateLimitMiddleware(Exploding(fine), limiter, subject=user)
    for app in (limited, ProblemMiddleware(limited)):
        reply = await ask(app, **{"x-user": "ada", "boom": "missing"})
        assert reply.status_code == 404
        assert reply.headers.get_list("ratelimit-policy") == ['"api";q=9;w=3600']


async def test_several_limits_are_all_told(store: AsyncStore) -> None:
    """Several limits are a list in the headers."""
    inner = RateLimitMiddleware(
        fine, store.rate_limiter("a", limit=3, window=60), subject=user, cost=2
    )
    outer = RateLimitMiddleware(
        inner, lambda scope: store.rate_limiter("b", limit=5, window=60), subject=user
    )
    reply = await ask(outer, **{"x-user": "ada"})
    assert reply.headers.get_list("ratelimit-policy") == ['"b";q=5;w=60', '"a";q=3;w=60']
    assert (await ask(outer, **{"x-user": "ada"})).status_code == 429


async def test_a_limiter_of_the_sync_face_will_do(limiter: Any) -> None:
    """A limiter of the sync face is called in a thread."""
    app = RateLimitMiddleware(fine, limiter, subject=user)
    statuses = [(await ask(app, **{"x-user": "ada"})).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]


class Away:
    """A limiter whose store is unavailable."""

    def __init__(self, *, fail_open: bool) -> None:
        self.fail_open = fail_open

    async def hit(self, subject: str, cost: int = 1) -> Decision:
        """Raise Unavailable."""
        if self.fail_open:
            return degraded(make_policy("api", 2, 60))
        raise Unavailable("redis://:hunter2@10.0.0.1 is away", retry_after=1)


async def test_a_limiter_out_of_reach() -> None:
    """The answer is 503 without details, or admitted with `fail_open`."""
    closed: Any = RateLimitMiddleware(fine, Away(fail_open=False), subject=user)  # type: ignore[arg-type]
    reply = await ask(closed, **{"x-user": "ada"})
    assert reply.status_code == 503
    assert reply.headers["retry-after"] == "1"
    assert "hunter2" not in reply.text
    opened: Any = RateLimitMiddleware(fine, Away(fail_open=True), subject=user)  # type: ignore[arg-type]
    assert (await ask(opened, **{"x-user": "ada"})).status_code == 200


def test_the_clients_address() -> None:
    """The address is None if the server has none."""
    assert client_host({"client": ("10.0.0.9", 1234)}) == "10.0.0.9"
    assert client_host({"client": None}) is None


async def test_other_scopes_pass(store: AsyncStore) -> None:
    """Lifespan and WebSocket scopes are passed on."""
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    limited: Any = RateLimitMiddleware(app, Away(fail_open=False), subject=user)  # type: ignore[arg-type]
    for kind in ("lifespan", "websocket"):
        await limited({"type": kind}, None, None)
    assert seen == ["lifespan", "websocket"]


async def test_the_dependency_of_fastapi(store: AsyncStore) -> None:
    """Returned values, own responses, errors and the 429 all have the headers."""
    from fastapi import Depends, FastAPI
    from fastapi.responses import PlainTextResponse

    from datapatterns.web.fastapi import install, rate_limit

    app = FastAPI()
    limiter = store.rate_limiter("api", limit=3, window=3600)
    limit = Depends(rate_limit(lambda request: limiter, subject=lambda r: r.headers.get("x-user")))
    app.get("/value", dependencies=[limit])(lambda: "fine")
    app.get("/response", dependencies=[limit])(lambda: PlainTextResponse("fine"))
    app.get("/error", dependencies=[limit])(lambda: boom("missing"))
    bare = FastAPI()
    bare.router.routes.extend(app.router.routes)
    install(app)
    for path, left in (("/value", 2), ("/response", 1), ("/error", 0)):
        reply = await ask(app, path, **{"x-user": "ada"})
        assert reply.headers["ratelimit"].startswith(f'"api";r={left};')
    refused = await ask(app, "/value", **{"x-user": "ada"})
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert len(refused.headers.get_list("ratelimit")) == 1
    assert "ratelimit" not in (await ask(app, "/value")).headers
    # Without `install` it does what FastAPI lets a dependency do.
    assert (await ask(bare, "/value", **{"x-user": "eve"})).headers["ratelimit-policy"]


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_the_decorator_of_flask(limiter: Any, asynchronous: bool) -> None:
    """Every answer of the view has the headers, errors included."""
    from flask import Flask

    from datapatterns.web.flask import install, rate_limit

    app = Flask("test")
    install(app)

    def plain(kind: str) -> str:
        """Return an answer."""
        boom(kind)
        return "fine"

    async def waits(kind: str) -> str:
        """Return an answer."""
        return plain(kind)

    view: Callable[..., Any] = waits if asynchronous else plain
    limited = rate_limit(limiter, subject=lambda r: r.headers.get("x-user"))(view)
    assert limited.__doc__ == "Return an answer."
    app.add_url_rule("/<kind>", "view", limited)
    check(wsgi_call(app))


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_the_decorator_of_django(limiter: Any, asynchronous: bool) -> None:
    """Every answer of the view has the headers, errors included."""
    from django.http import HttpRequest, HttpResponse
    from django.urls import path
    from web.apps import django, urls

    from datapatterns.web.django import rate_limit

    call = django(asynchronous=asynchronous)

    def plain(request: HttpRequest, kind: str) -> HttpResponse:
        boom(kind)
        return HttpResponse("fine")

    async def waits(request: HttpRequest, kind: str) -> HttpResponse:
        return plain(request, kind)

    module = sys.modules[urls(False)]
    view: Callable[..., Any] = waits if asynchronous else plain
    limited = rate_limit(limiter, subject=lambda r: r.headers.get("x-user"))(view)
    vars(module)["urlpatterns"] = [path("<kind>", limited)]
    check(call)


def check(call: Callable[..., Any]) -> None:
    """Check an admitted, a failing, a refused and an unlimited request."""
    ada = {"x-user": "ada"}
    assert call("GET", "/ok", headers=ada).headers["ratelimit"].startswith('"api";r=1;')
    failed = call("GET", "/missing", headers=ada)
    assert (failed.status, failed.headers["ratelimit"][:9]) == (404, '"api";r=0')
    refused = call("GET", "/ok", headers=ada)
    assert (refused.status, refused.json()["code"]) == (429, "rate_limited")
    assert int(refused.headers["retry-after"]) > 0
    nobody = call("GET", "/ok")
    assert (nobody.status, nobody.body) == (200, b"fine")
    assert "ratelimit" not in nobody.headers


def test_litestar_takes_the_asgi_middleware(limiter: Any) -> None:
    """Litestar's own errors have the headers too."""
    from litestar import Litestar, get
    from litestar.middleware import DefineMiddleware

    @get("/")
    async def plain() -> str:
        return "fine"

    middleware = DefineMiddleware(RateLimitMiddleware, limiter=limiter, subject=user)
    app = Litestar([plain], middleware=[middleware], openapi_config=None, logging_config=None)
    replies = [asgi_call(app)("GET", "/", headers={"x-user": "ada"}) for _ in range(3)]
    assert [reply.status for reply in replies] == [200, 200, 429]
    assert replies[0].headers["ratelimit"].startswith('"api";r=1;')
