"""Server-sent events: what the emitter says, in every open page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from pydantic_core import to_json

from datapatterns._async.contracts import AsyncEmitter
from datapatterns.events import Gap

_WAITING = 200  # events for a page that does not keep up; then it is told to read all afresh
_BEAT = 15.0  # seconds without an event, until a comment shows that the line is alive
_GAP = b"event: gap\ndata: {}\n\n"


class Live:
    """One listener to the emitter, for all pages of this process."""

    def __init__(self, emitter: AsyncEmitter) -> None:
        self._emitter = emitter
        self._pages: set[asyncio.Queue[bytes | None]] = set()
        self._over = False

    @property
    def pages(self) -> int:
        """How many pages listen."""
        return len(self._pages)

    async def __aenter__(self) -> Self:
        await self._emitter.on("*", self._hear)
        await self._emitter.on("gap", self._lose)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
        await self._emitter.off("*")
        await self._emitter.off("gap")

    def close(self) -> None:
        """End every stream: a server that stops waits for them."""
        self._over = True
        for page in self._pages:
            _put(page, None)

    def _hear(self, payload: Any, event: str) -> None:
        self._send(b"event: %s\ndata: %s\n\n" % (event.encode(), to_json(payload)))

    def _lose(self, gap: Gap) -> None:
        self._send(_GAP)

    def _send(self, message: bytes) -> None:
        for page in self._pages:
            _put(page, message)

    async def stream(self) -> AsyncIterator[bytes]:
        """The body of the answer to one page."""
        page: asyncio.Queue[bytes | None] = asyncio.Queue(_WAITING)
        self._pages.add(page)
        try:
            yield b"retry: 1000\nevent: hello\ndata: {}\n\n"
            while not self._over:
                message: bytes | None = b": still here\n\n"
                with suppress(TimeoutError):
                    async with asyncio.timeout(_BEAT):
                        message = await page.get()
                if message is None:
                    return
                yield message
        finally:
            self._pages.discard(page)


def _put(page: asyncio.Queue[bytes | None], message: bytes | None) -> None:
    """Queue the message; for a page that is too slow forget what waits, and say so."""
    if page.full():
        while not page.empty():
            page.get_nowait()
        page.put_nowait(_GAP)
    page.put_nowait(message)
