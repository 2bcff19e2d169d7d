"""Bodies of requests: how large they may be, and JSON that fits a model."""

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

    One that says its length is refused at once. Of one that does not (chunked), the application
    reads no more than the limit; then its own answer, if it has not begun, is replaced: frameworks
    make a 400 or a 500 of what goes wrong while they read.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        if not isinstance(limit, int) or isinstance(limit, bool) or limit < 0:  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
            raise InvalidArgument("limit is a number of bytes")
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
    """TooLarge if that Content-Length is above the limit, InvalidArgument if it is none."""
    if length is None:
        return
    if not _LENGTH.fullmatch(length):
        raise InvalidArgument("Content-Length is a whole number")
    if int(length) > limit:
        raise too_large(limit)


def too_large(limit: int) -> TooLarge:
    """The error for a body of more bytes than that."""
    return TooLarge(f"a request's body may have {limit:,} bytes", data={"limit": limit})


def read_json(body: bytes | str, model: type[M], *, content_type: str | None = None) -> M:
    """The model in the body, for frameworks that do not read bodies themselves.

    Raises UnsupportedMediaType if a content type is given that is not JSON, and InvalidData, with
    every problem listed and without the input, for what is no JSON or does not fit.
    """
    if content_type is not None:
        kind = content_type.partition(";")[0].strip().lower()
        if kind != "application/json" and not kind.endswith("+json"):
            raise UnsupportedMediaType("expected application/json")
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise InvalidData.of(error) from error
