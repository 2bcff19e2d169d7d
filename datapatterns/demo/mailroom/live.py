"""Server-sent events: every open page receives the events of the emitter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from pydantic_core import to_json

from datapatterns import Gap
from datapatterns.contracts import AsyncEmitter

_WAITING = 200  # events queued for a slow page; above that they are dropped for one `gap`
_BEAT = 15.0  # seconds without an event after which a comment keeps the connection alive
_GAP = b"event: gap\ndata: {}\n\n"


class Live:
    """A listener of the emitter, for all open pages of this process."""

    def __init__(self, emitter: AsyncEmitter) -> None:
        self._emitter = emitter
        self._pages: set[asyncio.Queue[bytes | None]] = set()
        self._over = False

    @property
    def pages(self) -> int:
        """Return how many pages are open."""
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
        """End every stream, since a server that stops waits for its streams."""
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
        """Yield the body of the answer to one page."""
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
    """Queue the message; if the page is too slow, replace its queued messages by `gap`."""
    if page.full():
        while not page.empty():
            page.get_nowait()
        page.put_nowait(_GAP)
    page.put_nowait(message)
