# Generated from datapatterns/couch/database/_async/update_locks.py by scripts/unasync.py; do not edit.
"""Lets the updates of one document run one after the other within a process."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from datapatterns.patterns._sync.concurrency import Lock


@dataclass(slots=True)
class UpdateLock:
    """The lock of one document, and the revision and JSON that the last update stored under it."""

    lock: Lock = field(default_factory=Lock)
    stored: tuple[str, bytes] | None = None
    users: int = 0


class UpdateLocks:
    """The locks of a database's documents, each kept as long as a caller holds or awaits it."""

    def __init__(self) -> None:
        self._guard = threading.Lock()  # never held while waiting
        self.held: dict[str, UpdateLock] = {}

    @contextmanager
    def hold(self, id: str) -> Generator[UpdateLock, None]:
        """Wait for the document's lock and hold it within the block."""
        with self._guard:
            found = self.held.setdefault(id, UpdateLock())
            found.users += 1
        try:
            with found.lock:
                yield found
        finally:
            with self._guard:
                found.users -= 1
                if not found.users:
                    del self.held[id]
