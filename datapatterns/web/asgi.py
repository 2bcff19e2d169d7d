"""Problem documents in any ASGI application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any

from datapatterns.errors import DataError
from datapatterns.web.problems import PROBLEM_JSON, Answer, answer

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

_HEADERS = "datapatterns.headers"  # key of a scope: headers to add to any answer


class ProblemMiddleware:
    """Answers with a problem document when the wrapped application raises a DataError.

    If the answer has begun already, the error is raised, and the server closes the connection.
    Other errors are not caught. The `install` of a framework puts this outside every other
    middleware.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        reply = Reply(scope, send)
        try:
            await self.app(scope, receive, reply)
        except DataError as error:
            if reply.begun:
                raise
            await send_answer(scope, reply, answer(error))


class Reply:
    """A `send` that remembers whether the answer has begun, and adds the headers of the scope."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.begun = False
        self._send = send
        self._headers: list[tuple[bytes, bytes]] = []
        if _HEADERS not in scope:  # otherwise an outer Reply adds them
            scope[_HEADERS] = self._headers

    async def __call__(self, message: Message) -> None:
        """Send the message."""
        if message["type"] == "http.response.start":
            self.begun = True
            message = {**message, "headers": [*message.get("headers", ()), *self._headers]}
        await self._send(message)


def add_headers(scope: Scope, headers: Mapping[str, str]) -> bool:
    """Add headers to the answer; return False if no Reply of this application would send them."""
    added: list[tuple[bytes, bytes]] | None = scope.get(_HEADERS)
    if added is not None:
        added.extend(raw_headers(headers.items()))
    return added is not None


def raw_headers(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    """Return headers in ASGI's form: lower-case names, and pairs of bytes."""
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]


async def send_answer(scope: Scope, send: Send, answer: Answer) -> None:
    """Send the whole answer, without its body if the request is HEAD."""
    about = {"content-type": PROBLEM_JSON, "content-length": str(len(answer.body))}
    headers = raw_headers({**about, **answer.headers}.items())
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    body = b"" if scope["method"] == "HEAD" else answer.body
    await send({"type": "http.response.body", "body": body})


def header(scope: Scope, name: str) -> str | None:
    """Return a header of the request, its lines joined by commas; None if it is absent."""
    wanted = name.lower().encode("latin-1")
    lines = [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == wanted]
    return ", ".join(lines) if lines else None
