"""Starlette: every DataError becomes its problem document."""

from __future__ import annotations

from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp
from starlette.websockets import WebSocket, WebSocketState

from datapatterns.errors import DataError
from datapatterns.web.asgi import ProblemMiddleware
from datapatterns.web.problems import PROBLEM_JSON, Answer, answer, answer_of_status

__all__ = [
    "install",
]

_Connection = Request | WebSocket
_DENIAL = "websocket.http.response"  # the ASGI extension by which a handshake gets an answer


def install(app: Starlette, *, http_errors: bool = False) -> None:
    """Answer every DataError with its problem document, also one raised in middleware.

    An error of a route becomes an answer inside the middlewares, so that they can add to it (CORS
    headers, for example). An error of a middleware becomes an answer outside all of them, also of
    those that are added later. With `http_errors` HTTPExceptions and unhandled errors get problem
    documents too. A mounted application with error handling of its own needs its own `install`.
    """
    # Starlette's types accept handlers of Exception only, of requests or of WebSockets.
    handlers: dict[Any, Any] = {DataError: _on_data_error}
    if http_errors:
        handlers[HTTPException] = _on_http_exception
        if not {500, Exception} & app.exception_handlers.keys():
            handlers[Exception] = _on_exception
    app.exception_handlers.update(handlers)
    _put_outermost(app)


def _put_outermost(app: Starlette) -> None:
    """Make ours the first of the middlewares, whose stack is built at the first request.

    Only Starlette's ServerErrorMiddleware, which answers 500 to every error, is outside of it.
    """
    build = app.build_middleware_stack

    def build_with_ours() -> ASGIApp:
        middlewares: list[Any] = app.user_middleware
        if not middlewares or middlewares[0].cls is not ProblemMiddleware:
            middlewares.insert(0, Middleware(ProblemMiddleware))
        return build()

    app.build_middleware_stack = build_with_ours  # type: ignore[method-assign] # on purpose


async def _on_data_error(connection: _Connection, error: DataError) -> Response | None:
    return await _answered(connection, answer(error))


async def _on_http_exception(connection: _Connection, error: HTTPException) -> Response | None:
    if error.status_code in (204, 304):
        return Response(status_code=error.status_code, headers=error.headers)
    reply = answer_of_status(
        error.status_code, str(error.detail), headers=error.headers, cause=error
    )
    return await _answered(connection, reply)


async def _on_exception(connection: _Connection, error: Exception) -> Response | None:
    return await _answered(connection, answer_of_status(500, repr(error), cause=error))


async def _answered(connection: _Connection, reply: Answer) -> Response | None:
    """Return the response; for a WebSocket deny the handshake with it, or close the socket."""
    response = Response(reply.body, reply.status, reply.headers, media_type=PROBLEM_JSON)
    if not isinstance(connection, WebSocket):
        return response
    waiting = connection.application_state is WebSocketState.CONNECTING
    if waiting and _DENIAL in connection.scope.get("extensions", {}):
        await connection.send_denial_response(response)
    else:
        await connection.close(1011 if reply.status >= 500 else 1008)
    return None
