"""Bodies of requests: a limit on their size, and JSON that is validated by a model."""

from __future__ import annotations

import re
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from datapatterns.errors import InvalidArgument, InvalidData, TooLarge
from datapatterns.web.asgi import (
    ASGIApp,
    Message,
    ProblemMiddleware,
    Receive,
    Reply,
    Scope,
    Send,
    header,
)
from datapatterns.web.errors import UnsupportedMediaType

M = TypeVar("M", bound=BaseModel)

_LENGTH = re.compile(r"[0-9]{1,19}")  # 64 bits


class BodyLimitMiddleware:
    """Answers 413 to a request with a body of more than `limit` bytes.

    A request with a Content-Length is refused at once. From a request without one (chunked) the
    application reads no more than the limit; then its own answer, unless it has begun, is replaced
    by the 413, since frameworks answer 400 or 500 to an error while they read.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        if not isinstance(limit, int) or isinstance(limit, bool) or limit < 0:  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
            raise InvalidArgument("limit must be a number of bytes, an int of 0 or more")
        self.app = app
        self.limit = limit
        self._answering = ProblemMiddleware(self._guard)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await (self._answering if scope["type"] == "http" else self.app)(scope, receive, send)

    async def _guard(self, scope: Scope, receive: Receive, send: Send) -> None:
        check_length(header(scope, "content-length"), self.limit)
        read, over = 0, False
        reply = Reply(scope, send)

        async def counted() -> Message:
            nonlocal read, over
            message = await receive()
            read += len(message.get("body", b""))
            if read > self.limit:
                over = True
                raise too_large(self.limit)
            return message

        async def unless_over(message: Message) -> None:
            if reply.begun or not over:
                await reply(message)

        try:
            await self.app(scope, counted, unless_over)
        except Exception:
            if reply.begun or not over:
                raise
        if over and not reply.begun:
            raise too_large(self.limit)


def check_length(length: str | None, limit: int) -> None:
    """Raise TooLarge if Content-Length is above the limit, InvalidArgument if it is malformed."""
    if length is None:
        return
    if not _LENGTH.fullmatch(length):
        raise InvalidArgument("Content-Length must be a whole number")
    if int(length) > limit:
        raise too_large(limit)


def too_large(limit: int) -> TooLarge:
    """Return the error for a body of more bytes than the limit."""
    message = f"the body is too large: at most {limit:,} bytes are accepted"
    return TooLarge(message, data={"limit": limit})


def read_json(body: bytes | str, model: type[M], *, content_type: str | None = None) -> M:
    """Return the model in the body, for frameworks that do not validate bodies themselves.

    Raise UnsupportedMediaType if the content type is given and is not JSON. Raise InvalidData if
    the body is not JSON or does not validate; it lists every error, without the input.
    """
    if content_type is not None:
        kind = content_type.partition(";")[0].strip().lower()
        if kind != "application/json" and not kind.endswith("+json"):
            raise UnsupportedMediaType("the body must be sent as application/json")
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise InvalidData.of(error) from error
