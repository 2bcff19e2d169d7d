# Generated from datapatterns/couch/database/_async/database.py by scripts/unasync.py; do not edit.
"""One database: its documents as plain JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from datapatterns.core.codecs import dumps
from datapatterns.couch.database._sync.raw_documents import RawDocuments, all_found
from datapatterns.couch.database._sync.views import Views
from datapatterns.couch.http._sync.client import CouchClient
from datapatterns.couch.http.paths import check_id, database_path, document_path
from datapatterns.couch.http.replies import bulk_outcome, readable, written_revision
from datapatterns.errors import Conflict, DataError


class Database(Views):
    """A database's documents as CouchDB has them, with `_id` and `_rev`.

    `couch.database(name)` returns one. With `partitioned=True` it is created so, and ids are
    `partition:id`. `get`, `put` and `delete` are one request each. `bulk` stores many documents in
    one request, which is not atomic: each document has its own outcome. `view` and the methods
    beside it query views.
    """

    def __init__(self, couch: CouchClient, name: str, *, partitioned: bool = False) -> None:
        self.couch = couch
        self.name = name
        self.path = database_path(name)
        self.partitioned = partitioned
        self._documents = RawDocuments(couch, name)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    def create(self) -> bool:
        """Create the database; return False if it exists already."""
        params = {"partitioned": True} if self.partitioned else None
        try:
            self.couch.write("PUT", self.path, params=params)
        except Conflict as error:
            if error.reason == "exists":
                return False
            raise
        return True

    def destroy(self) -> None:
        """Remove the database with all that is in it; raise NotFound if it does not exist."""
        self.couch.write("DELETE", self.path)
        # For some milliseconds more the server may know the database and fail requests for it.
        with suppress(DataError):
            self.info()

    def info(self) -> dict[str, Any]:
        """Return the server's description: doc_count, update_seq, sizes.

        Raise NotFound if the database is absent.
        """
        return self.couch.read("GET", self.path)

    def get(self, id: str, **params: str | int | bool) -> dict[str, Any]:
        """Return a document; raise NotFound if absent. `params` are CouchDB's: rev, conflicts."""
        return self._documents.get(id, **params)

    def put(self, id: str, document: Mapping[str, Any]) -> str:
        """Store the document over the `_rev` it carries and return the new revision.

        Raise Conflict for a stale `_rev`. A document without `_rev` is new; if its id is taken the
        Conflict is `exists`.
        """
        return self._documents.write(id, dumps(document), new="_rev" not in document)

    def delete(self, id: str, rev: str) -> str:
        """Remove the document at that revision and return the new one; raise Conflict if stale."""
        path = document_path(self.path, id)
        return written_revision(self.couch.write("DELETE", path, params={"rev": rev}))

    def bulk(
        self, documents: Iterable[Mapping[str, Any]], *, new_edits: bool = True
    ) -> list[str | DataError]:
        """Store many documents and return, in order, each one's new revision or error.

        A document with `_deleted` is removed. With `new_edits=False` the server stores the
        revisions that the documents carry, as a replicator does, and answers for refused ones only.
        """
        sent = list(documents)
        encoded = [dumps(document) for document in sent]
        if new_edits:
            items = [("", data) for data in encoded]
            return self._documents.write_some(items, new=["_rev" not in doc for doc in sent])
        rows = self._documents.write_bulk(encoded, new_edits=False)
        refused = {row.get("id"): bulk_outcome(row, new=False) for row in rows if "error" in row}
        return [refused.get(doc.get("_id"), str(doc.get("_rev", ""))) for doc in sent]

    def bulk_get(self, ids: Sequence[str]) -> list[dict[str, Any] | None]:
        """Return the documents in the order of the ids, None for absent ones, from one request.

        Raise DecodeFailed, with its id, for a document that is not JSON that can be read.
        """
        found = all_found(self._documents.find_some([check_id(id) for id in ids]) if ids else [])
        return [readable(id, one) for id, one in zip(ids, found, strict=True)]

    def all_docs(self, body: Mapping[str, Any], **params: str | int | bool) -> list[dict[str, Any]]:
        """Return rows of `_all_docs`: `id`, `key`, `value` and, with `include_docs`, `doc`.

        `body` may hold `keys`, or any of `startkey`, `endkey`, `limit`, `descending` and so on. The
        `doc` is bytes if it is not JSON that can be read.
        """
        return self._documents.all_docs(body, **params)
