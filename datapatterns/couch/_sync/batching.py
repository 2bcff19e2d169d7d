"""The face without batching: a thread waits for its own request, and `get_many` batches.

# unasync: by hand
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from datapatterns.couch._sync.database import Database
from datapatterns.couch._sync.documents import Documents

Raw = dict[str, Any] | None


@dataclass(slots=True)
class Turn:
    """One's turn at a document: what the one before stored, if that is known, and its revision."""

    seen: tuple[str, bytes] | None = None


@dataclass(slots=True)
class _Queue:
    lock: threading.Lock = field(default_factory=threading.Lock)
    turn: Turn = field(default_factory=Turn)
    users: int = 0


class Batching:
    """A database's gets and writes, those of all its repositories over one `Couch`."""

    def __init__(self, documents: Documents) -> None:
        self.documents = documents
        self._lock = threading.Lock()
        self._queues: dict[str, _Queue] = {}

    def read(self, id: str) -> Raw:
        """Return the document, None if there is none."""
        return self.documents.read(id)

    def revision(self, id: str) -> str | None:
        """Return the document's present revision, None if there is none."""
        return self.documents.revision(id)

    def write(self, id: str, data: bytes, *, new: bool) -> str:
        """Store the document and return its revision; Conflict: `exists` for a new one."""
        return self.documents.write(id, data, new=new)

    @contextmanager
    def turn(self, id: str) -> Generator[Turn, None, None]:
        """Wait for one's turn at the document among the callers in this process."""
        with self._lock:
            queue = self._queues.setdefault(id, _Queue())
            queue.users += 1
        try:
            with queue.lock:
                yield queue.turn
        finally:
            with self._lock:
                queue.users -= 1
                if not queue.users:
                    del self._queues[id]


def batching_of(database: Database) -> Batching:
    """The batching of that database, one for each server and name."""
    shared: dict[str, Batching] = database.couch.batching
    if database.name not in shared:
        shared.setdefault(database.name, Batching(Documents(database)))
    return shared[database.name]
