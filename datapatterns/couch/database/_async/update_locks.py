"""Lets the updates of one document run one after the other within a process."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from datapatterns.patterns._async.concurrency import AsyncLock


@dataclass(slots=True)
class AsyncUpdateLock:
    """The lock of one document, and the revision and JSON that the last update stored under it."""

    lock: AsyncLock = field(default_factory=AsyncLock)
    stored: tuple[str, bytes] | None = None
    users: int = 0


class AsyncUpdateLocks:
    """The locks of a database's documents, each kept as long as a caller holds or awaits it."""

    def __init__(self) -> None:
        self._guard = threading.Lock()  # never held while waiting
        self.held: dict[str, AsyncUpdateLock] = {}

    @asynccontextmanager
    async def hold(self, id: str) -> AsyncGenerator[AsyncUpdateLock, None]:
        """Wait for the document's lock and hold it within the block."""
        with self._guard:
            found = self.held.setdefault(id, AsyncUpdateLock())
            found.users += 1
        try:
            async with found.lock:
                yield found
        finally:
            with self._guard:
                found.users -= 1
                if not found.users:
                    del self.held[id]
