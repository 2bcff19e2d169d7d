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

_HEADERS = "datapatterns.headers"  # of a scope: what to add to the answer, whoever makes it


class ProblemMiddleware:
    """Answers a DataError of the application within with its problem document.

    An answer that has begun is left alone: the error goes on to the server, which cuts it off.
    Other errors pass. The `install` of a framework puts this outside every other middleware.
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
    """A `send` that knows whether the answer has begun, and adds the headers left in the scope."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.begun = False
        self._send = send
        self._headers: list[tuple[bytes, bytes]] = []
        if _HEADERS not in scope:  # else a Reply further out adds them
            scope[_HEADERS] = self._headers

    async def __call__(self, message: Message) -> None:
        """Send the message."""
        if message["type"] == "http.response.start":
            self.begun = True
            message = {**message, "headers": [*message.get("headers", ()), *self._headers]}
        await self._send(message)


def add_headers(scope: Scope, headers: Mapping[str, str]) -> bool:
    """Have the answer carry these headers; False if nothing in this application sees to that."""
    added: list[tuple[bytes, bytes]] | None = scope.get(_HEADERS)
    if added is not None:
        added.extend(raw_headers(headers.items()))
    return added is not None


def raw_headers(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    """Headers as ASGI has them."""
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]


async def send_answer(scope: Scope, send: Send, answer: Answer) -> None:
    """Send the whole answer; to HEAD without its body."""
    about = {"content-type": PROBLEM_JSON, "content-length": str(len(answer.body))}
    headers = raw_headers({**about, **answer.headers}.items())
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    body = b"" if scope["method"] == "HEAD" else answer.body
    await send({"type": "http.response.body", "body": body})


def header(scope: Scope, name: str) -> str | None:
    """The request's header, its lines joined by commas; None if there is none."""
    wanted = name.lower().encode("latin-1")
    lines = [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == wanted]
    return ", ".join(lines) if lines else None
