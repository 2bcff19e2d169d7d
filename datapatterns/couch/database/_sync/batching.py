"""The sync face does not batch: a thread waits for its own request. `get_many` is one request.

# unasync: by hand
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from datapatterns.couch.database._sync.raw_documents import RawDocuments
from datapatterns.couch.database._sync.update_locks import UpdateLock, UpdateLocks
from datapatterns.couch.http._sync.client import CouchClient

Raw = dict[str, Any] | bytes | None


class Batcher:
    """The gets and writes of a database, for all its repositories over one client."""

    def __init__(self, documents: RawDocuments) -> None:
        self.documents = documents
        self._locks = UpdateLocks()

    def find(self, id: str) -> Raw:
        """Return the document, as bytes if it cannot be parsed, None if it does not exist."""
        return self.documents.find(id)

    def revision(self, id: str) -> str | None:
        """Return the document's present revision, None if it does not exist."""
        return self.documents.revision(id)

    def write(self, id: str, data: bytes, *, new: bool) -> str:
        """Store the document and return its revision; raise Conflict, `exists` if it is new."""
        return self.documents.write(id, data, new=new)

    def lock(self, id: str) -> AbstractContextManager[UpdateLock]:
        """Wait for the document's lock among the updates in this process, and hold it."""
        return self._locks.hold(id)


def batcher_of(couch: CouchClient, database: str) -> Batcher:
    """Return the one batcher of that client and database."""
    shared: dict[str, Batcher] = couch.batchers
    if database not in shared:
        shared.setdefault(database, Batcher(RawDocuments(couch, database)))
    return shared[database]
