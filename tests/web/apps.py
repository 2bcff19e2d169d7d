"""The same application in every framework: the path says which error it raises, and where.

`/sync/KIND` and `/async/KIND` raise in a handler, `/dependency/KIND` in a dependency, and any path
with the header `boom: KIND` in a middleware. `/begun` fails within a stream.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
from pydantic import BaseModel, ValidationError

from datapatterns import errors
from datapatterns.core.decisions import Decision

SECRET = "hunter2-s3cr3t"  # planted, to be looked for in answers


@dataclass
class Reply:
    """The answer that a client got."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON."""
        return httpx2.Response(self.status, content=self.body).json()


Call = Callable[..., Reply]


class Form(BaseModel):
    """The model that the route `invalid` validates."""

    age: int


def boom(kind: str) -> None:
    """Raise an error of the kind, with secrets in its text and causes; `ok` raises none."""
    cause = ConnectionError(f"redis://:{SECRET}@10.0.0.1:6379 refused AUTH {SECRET}")
    inside = f"could not reach redis://:{SECRET}@10.0.0.1, key dp:{{{SECRET}}}"
    data = {"key": f"dp:{SECRET}", "url": f"couch+http://u:{SECRET}@db"}
    match kind:
        case "ok":
            return
        case "missing":
            raise errors.NotFound("no such user", data={"id": "7"}) from cause
        case "limited":
            decision = Decision(False, 10, 0, 2.4, 30.0, name="api", window=60)
            raise errors.TooManyRequests("slow down", decision)
        case "invalid":
            try:
                Form.model_validate({"age": SECRET})
            except ValidationError as error:
                raise errors.InvalidData.of(error) from error
        case "away":
            raise errors.Unavailable(inside, retry_after=2.5, data=data) from cause
        case "other":
            raise RuntimeError(inside) from cause
        case _:
            raise getattr(errors, kind)(inside, data=data) from cause


def asgi_call(app: Any) -> Call:
    """Make a request of an ASGI application, as a server does."""

    def call(method: str, path: str, **options: Any) -> Reply:
        async def ask() -> Reply:
            transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
            async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
                got = await client.request(method, path, **options)
                return Reply(got.status_code, got.headers, got.content)

        return asyncio.run(ask())

    return call


def wsgi_call(app: Any) -> Call:
    """Make a request of a WSGI application, as a server does."""

    def call(method: str, path: str, **options: Any) -> Reply:
        transport = httpx2.WSGITransport(app=app, raise_app_exceptions=False)
        with httpx2.Client(transport=transport, base_url="http://test") as client:
            got = client.request(method, path, **options)
            return Reply(got.status_code, got.headers, got.content)

    return call


class Exploding:
    """An ASGI middleware that raises the error that the header `boom` names."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Raise the error, or call the application."""
        if scope["type"] == "http":
            for name, value in scope["headers"]:
                if name == b"boom":
                    boom(value.decode())
        await self.app(scope, receive, send)


async def begun() -> AsyncIterator[bytes]:
    """A stream that fails after its first piece."""
    yield b"begun"
    await asyncio.sleep(0)
    boom("away")


async def pieces_of(*sizes: int) -> AsyncIterator[bytes]:
    """Yield a body in pieces, without a length."""
    for size in sizes:
        yield b"x" * size


def begun_now() -> Iterator[bytes]:
    """Yield the first piece of a stream and fail, without asyncio."""
    yield b"begun"
    boom("away")


def starlette(*, debug: bool = False, http_errors: bool = False) -> Any:
    """Return the application in Starlette; one middleware is added after `install`."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import PlainTextResponse, StreamingResponse
    from starlette.routing import Route

    from datapatterns.web.starlette import install

    def plain(request: Request) -> PlainTextResponse:
        boom(request.path_params["kind"])
        return PlainTextResponse("fine")

    async def waits(request: Request) -> PlainTextResponse:
        return plain(request)

    def stream(request: Request) -> StreamingResponse:
        return StreamingResponse(begun())

    routes = [
        Route("/sync/{kind}", plain),
        Route("/async/{kind}", waits),
        Route("/begun", stream),
    ]
    app = Starlette(debug=debug, routes=routes)
    install(app, http_errors=http_errors)
    app.add_middleware(Exploding)
    return app


def fastapi(*, debug: bool = False, http_errors: bool = False) -> Any:
    """Return the application in FastAPI."""
    from fastapi import Depends, FastAPI
    from fastapi.responses import StreamingResponse

    from datapatterns.web.fastapi import install

    app = FastAPI(debug=debug)
    install(app, http_errors=http_errors)
    app.add_middleware(Exploding)

    def needs(kind: str) -> None:
        boom(kind)

    async def plain(kind: str) -> str:
        boom(kind)
        return "fine"

    app.get("/sync/{kind}")(lambda kind: boom(kind) or "fine")
    app.get("/async/{kind}")(plain)
    app.get("/dependency/{kind}", dependencies=[Depends(needs)])(lambda: "fine")
    app.post("/form")(_form)
    app.get("/begun")(lambda: StreamingResponse(begun()))
    return app


def _form(form: Form) -> str:
    return "fine"


def flask(*, debug: bool = False, http_errors: bool = False) -> Any:
    """Return the application in Flask; `/dependency` raises before the view, `/after` after it."""
    from flask import Flask, Response, request

    from datapatterns.web.flask import install

    app = Flask("test")
    app.debug = debug
    app.testing = debug  # which would have every error nobody handles come out of the application

    @app.before_request
    def before() -> None:
        place, _, kind = request.path[1:].partition("/")
        if place == "dependency":
            boom(kind)

    @app.after_request
    def after(response: Response) -> Response:
        place, _, kind = request.path[1:].partition("/")
        if place == "after":
            boom(kind)
        return response

    async def waits(kind: str) -> str:
        boom(kind)
        return "fine"

    app.get("/sync/<kind>")(lambda kind: boom(kind) or "fine")
    app.add_url_rule("/async/<kind>", "waits", waits)
    app.add_url_rule("/dependency/<kind>", "dependency", lambda kind: "fine")
    app.add_url_rule("/after/<kind>", "after", lambda kind: "fine")
    app.add_url_rule("/begun", "begun", lambda: Response(begun_now()))
    app.add_url_rule("/form", "form", lambda: request.get_json(), methods=["POST"])

    inner = app.wsgi_app

    def exploding(environ: Any, start_response: Any) -> Any:
        boom(environ.get("HTTP_BOOM", "ok"))
        return inner(environ, start_response)

    app.wsgi_app = exploding
    install(app, http_errors=http_errors)
    return app


def configure_django() -> None:
    """Configure Django, which has one set of settings for each process."""
    import django as package
    from django.conf import settings

    if not settings.configured:
        settings.configure(SECRET_KEY=SECRET, ALLOWED_HOSTS=["*"], LOGGING_CONFIG=None)
        package.setup()


def django(*, debug: bool = False, http_errors: bool = False, asynchronous: bool = False) -> Call:
    """Return the application in Django, called through its WSGI or ASGI handler."""
    configure_django()
    from django.core.handlers.asgi import ASGIHandler
    from django.core.handlers.wsgi import WSGIHandler
    from django.test import override_settings

    from datapatterns.web.django import install

    names = {"DEBUG": debug, "ROOT_URLCONF": urls(http_errors), "MIDDLEWARE": [f"{__name__}.raw"]}
    install(names)

    def call(method: str, path: str, **options: Any) -> Reply:
        with override_settings(**names):
            ask = asgi_call(ASGIHandler()) if asynchronous else wsgi_call(WSGIHandler())
            return ask(method, path, **options)

    return call


def raw(get_response: Any) -> Any:
    """Return a Django middleware that raises the error that the header `boom` names."""
    from asgiref.sync import iscoroutinefunction

    if iscoroutinefunction(get_response):

        async def middleware(request: Any) -> Any:
            boom(request.headers.get("boom", "ok"))
            return await get_response(request)

    else:

        def middleware(request: Any) -> Any:
            boom(request.headers.get("boom", "ok"))
            return get_response(request)

    return middleware


raw.async_capable = True  # type: ignore[attr-defined]


def urls(http_errors: bool) -> str:
    """Return a module of URLs for Django."""
    from types import ModuleType

    from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
    from django.urls import path

    from datapatterns.web import django as ours

    def plain(request: HttpRequest, kind: str) -> HttpResponse:
        boom(kind)
        return HttpResponse("fine")

    async def waits(request: HttpRequest, kind: str) -> HttpResponse:
        return plain(request, kind)

    def stream(request: HttpRequest) -> StreamingHttpResponse:
        return StreamingHttpResponse(begun_now() if hasattr(request, "environ") else begun())

    module = ModuleType(f"urls_{http_errors}")
    sys.modules[module.__name__] = module
    vars(module)["urlpatterns"] = [
        path("sync/<kind>", plain),
        path("async/<kind>", waits),
        path("begun", stream),
    ]
    if http_errors:
        for status in (400, 403, 404, 500):
            vars(module)[f"handler{status}"] = getattr(ours, f"handler{status}")
    return module.__name__


def client(framework: str, *, debug: bool = False, http_errors: bool = False) -> Call:
    """Return a function that makes requests of the application in the framework."""
    options = {"debug": debug, "http_errors": http_errors}
    match framework:
        case "starlette":
            return asgi_call(starlette(**options))
        case "fastapi":
            return asgi_call(fastapi(**options))
        case "litestar":
            from web.litestar_app import litestar

            return asgi_call(litestar(**options))
        case "flask":
            return wsgi_call(flask(**options))
        case "django":
            return django(**options)
        case _:
            return django(**options, asynchronous=True)


FRAMEWORKS = ("starlette", "fastapi", "flask", "litestar", "django", "django-asgi")
