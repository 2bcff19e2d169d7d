"""Edge cases of single frameworks, and of plain ASGI and WSGI."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocket, WebSocketDisconnect
from web.apps import SECRET, Reply, asgi_call, boom, wsgi_call

from datapatterns.errors import DataError, NotFound, TooLarge, Unavailable
from datapatterns.web import PROBLEM_JSON, ProblemApplication, ProblemMiddleware, answer
from datapatterns.web.problems import answer_of_status
from datapatterns.web.starlette import install


async def talk(websocket: WebSocket) -> None:
    """Fail before the WebSocket is accepted, or after."""
    if websocket.path_params["when"] == "after":
        await websocket.accept()
    boom(websocket.path_params["kind"])


def test_a_websocket_is_refused_with_the_problem() -> None:
    """A WebSocket that is not accepted yet gets an HTTP answer."""
    app = Starlette(routes=[WebSocketRoute("/{when}/{kind}", talk)])
    install(app)
    client = TestClient(app)
    with pytest.raises(WebSocketDenialResponse) as refused, client.websocket_connect("/now/away"):
        pass
    assert (refused.value.status_code, refused.value.headers["retry-after"]) == (503, "3")
    assert SECRET not in refused.value.text
    for kind, code in [("missing", 1008), ("away", 1011)]:
        with (
            client.websocket_connect(f"/after/{kind}") as websocket,
            pytest.raises(WebSocketDisconnect) as closed,
        ):
            websocket.receive_text()
        assert (closed.value.code, closed.value.reason) == (code, "")


def ask(app: Any, path: str) -> Reply:
    """Return the answer to a GET."""
    return asgi_call(app)("GET", path)


def test_installing_twice_is_installing_once() -> None:
    """A second install adds no second answer or middleware."""
    app = Starlette(routes=[Route("/{kind}", lambda request: boom(request.path_params["kind"]))])
    install(app)
    install(app)
    assert ask(app, "/missing").status == 404
    assert [each.cls for each in app.user_middleware] == [ProblemMiddleware]


def test_an_applications_own_handlers_stay() -> None:
    """The application's handlers for other and for narrower errors are kept."""

    def own(request: Request, error: Exception) -> PlainTextResponse:
        return PlainTextResponse("own", 500)

    app = Starlette(
        routes=[Route("/{kind}", lambda request: boom(request.path_params["kind"]))],
        exception_handlers={Exception: own, NotFound: own},
    )
    install(app, http_errors=True)
    assert ask(app, "/missing").body == b"own"
    assert ask(app, "/other").body == b"own"
    assert ask(app, "/TooLarge").status == 413


def test_a_mounted_application_has_its_own_install() -> None:
    """A mounted application answers once."""
    inner = Starlette(routes=[Route("/{kind}", lambda r: boom(r.path_params["kind"]))])
    outer = Starlette(routes=[Mount("/in", inner)])
    install(inner)
    install(outer)
    reply = ask(outer, "/in/limited")
    assert reply.status == 429
    assert reply.headers["ratelimit"] == '"api";r=0;t=30'


def raises(error: Exception) -> Any:
    """Return a route that raises the error."""

    def route(request: Request) -> None:
        raise error

    return route


def test_http_errors_follow_the_same_rules() -> None:
    """Below 500 detail and headers are shown, from 500 on an id; 204 and 304 have no body."""
    app = Starlette(
        routes=[
            Route("/teapot", raises(HTTPException(418, "short and stout", {"x-pot": "1"}))),
            Route("/gateway", raises(HTTPException(502, SECRET))),
            Route("/same", raises(HTTPException(304))),
            Route("/odd", raises(HTTPException(499, "gone"))),
        ]
    )
    install(app, http_errors=True)
    teapot = ask(app, "/teapot")
    assert teapot.headers["x-pot"] == "1"
    assert teapot.json()["detail"] == "short and stout"
    assert SECRET.encode() not in ask(app, "/gateway").body
    assert (ask(app, "/same").status, ask(app, "/same").body) == (304, b"")
    assert ask(app, "/odd").json()["title"] == "Error"


def test_the_codes_of_plain_statuses() -> None:
    """A status of ours has our code, any other the code made of its phrase."""
    for status, code in [(404, "not_found"), (413, "too_large"), (405, "method_not_allowed")]:
        assert json.loads(answer_of_status(status).body)["code"] == code


def test_extras_that_are_no_json_cost_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """The answer is sent without the members that JSON cannot hold."""
    odd = {"a": object(), "b": float("nan"), "c": b"\xff", "d": {1}, ("e",): 1}
    shown = json.loads(answer(TooLarge("too much", data=odd)).body)
    assert (shown["detail"], shown["a"], shown["b"]) == ("too much", "object", None)
    broken = json.loads(answer(NotFound("no \ud800", data={"id": "\ud800"})).body)
    assert broken == {
        "type": "about:blank",
        "title": "Not found",
        "status": 404,
        "code": "not_found",
    }
    with caplog.at_level(logging.ERROR, "datapatterns"):
        error = Unavailable("away")
        assert answer(error).body == answer(error).body  # one id an error, and one record
    assert len(caplog.records) == 1


def test_wsgi_before_and_after_it_has_begun() -> None:
    """The server gets the error, and replaces the answer or raises it."""
    calls: list[tuple[Any, ...]] = []

    def start_response(*args: Any) -> None:
        calls.append(args)

    def fails(environ: Any, start: Any) -> Any:
        start("200 OK", [])
        raise NotFound("no")

    app = ProblemApplication(fails)
    (body,) = app({"REQUEST_METHOD": "GET"}, start_response)
    assert json.loads(body)["code"] == "not_found"
    assert calls[1][0] == "404 Not Found"
    assert isinstance(calls[1][2][1], NotFound)
    assert app({"REQUEST_METHOD": "HEAD"}, start_response) == []


def test_wsgi_with_a_server() -> None:
    """A plain WSGI application gets problem documents too."""

    def fails(environ: Any, start: Any) -> Any:
        raise NotFound("no")

    reply = wsgi_call(ProblemApplication(fails))("GET", "/")
    assert (reply.status, reply.headers["content-type"]) == (404, PROBLEM_JSON)


async def test_asgi_with_nothing_else() -> None:
    """Other errors are raised, and other scopes are passed on."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise scope["raise"]

    guarded = ProblemMiddleware(app)
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await guarded({"type": "http", "method": "GET", "raise": DataError("x")}, None, send)  # type: ignore[arg-type]
    assert sent[0]["status"] == 500
    for scope in (
        {"type": "websocket", "raise": NotFound()},
        {"type": "http", "raise": KeyError()},
    ):
        with pytest.raises((NotFound, KeyError)):
            await guarded(scope, None, send)  # type: ignore[arg-type]


async def test_an_answer_that_has_begun_gets_nothing_more() -> None:
    """No second answer is sent after one that has begun."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise NotFound("too late")

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    with pytest.raises(NotFound):
        await ProblemMiddleware(app)({"type": "http", "method": "GET"}, None, send)  # type: ignore[arg-type]
    assert len(sent) == 1


async def test_asgi_answers_head_without_a_body() -> None:
    """The Content-Length is that of the answer to GET."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise NotFound("no")

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await ProblemMiddleware(app)({"type": "http", "method": "HEAD"}, None, send)  # type: ignore[arg-type]
    assert sent[1]["body"] == b""
    assert int(dict(sent[0]["headers"])[b"content-length"]) > 50
