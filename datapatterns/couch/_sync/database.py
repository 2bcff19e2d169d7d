# Generated from datapatterns/couch/_async/database.py by scripts/unasync.py; do not edit.
"""One database: its documents as plain JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from datapatterns.couch._sync.views import Views
from datapatterns.couch.errors import of_reply
from datapatterns.couch.paths import check_id, database_path, document_path
from datapatterns.couch.queries import rows_of
from datapatterns.errors import BadGateway, Conflict, DataError, InvalidArgument, OutcomeUnknown

if TYPE_CHECKING:
    from datapatterns.couch._sync.couch import Couch

_STRANGE = "the server answered something that CouchDB does not"
# What stands in for the status that a row of _bulk_docs leaves out.
_STATUS = {"conflict": 409, "forbidden": 403, "unauthorized": 401}


class Database(Views):
    """A database's documents as CouchDB has them, with `_id` and `_rev`.

    Made by `couch.database(name)`; with `partitioned=True` it is created so, and ids are
    `partition:id`. `get`, `put` and `delete` are one request each. `bulk` stores many in one
    request, which is not atomic: each has its own outcome. `view` and its companions query views.
    """

    def __init__(self, couch: Couch, name: str, *, partitioned: bool = False) -> None:
        self.couch = couch
        self.name = name
        self.path = database_path(name)
        self.partitioned = partitioned

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    def create(self) -> bool:
        """Return True if it was made, False if it was there."""
        params = {"partitioned": True} if self.partitioned else None
        try:
            self.couch.write("PUT", self.path, params=params)
        except Conflict as error:
            if error.reason == "exists":
                return False
            raise
        return True

    def destroy(self) -> None:
        """Remove the database with all that is in it; NotFound if there is none."""
        self.couch.write("DELETE", self.path)
        # The server may know of it for some milliseconds more, and fail whoever asks meanwhile.
        with suppress(DataError):
            self.info()

    def info(self) -> dict[str, Any]:
        """Return what the server says of it: doc_count, update_seq, sizes; NotFound if absent."""
        return self.couch.read("GET", self.path)

    def get(self, id: str, **params: str | int | bool) -> dict[str, Any]:
        """Return a document; NotFound if there is none. `params` are CouchDB's: rev, conflicts."""
        return _object(self.couch.read("GET", document_path(self.path, id), params=params))

    def put(self, id: str, document: Mapping[str, Any]) -> str:
        """Store the document over the `_rev` it carries and return the new one; Conflict if stale.

        Without `_rev` it is new; the Conflict is `exists` then.
        """
        path = document_path(self.path, id)
        try:
            return _rev(self.couch.write("PUT", path, body=document))
        except Conflict as error:
            if "_rev" in document:
                raise
            raise Conflict("it exists already", reason="exists") from error.__cause__

    def delete(self, id: str, rev: str) -> str:
        """Remove the document at that revision and return the new one; Conflict if stale."""
        path = document_path(self.path, id)
        return _rev(self.couch.write("DELETE", path, params={"rev": rev}))

    def bulk(
        self, documents: Iterable[Mapping[str, Any]], *, new_edits: bool = True
    ) -> list[str | DataError]:
        """Store many and return, in order, each one's new revision or error.

        A document with `_deleted` is removed. With `new_edits=False` the server takes over the
        revisions they carry, as a replicator does, and only refused ones have a row of their own.
        """
        sent = list(documents)
        body: dict[str, Any] = {"docs": sent}
        if not new_edits:
            body["new_edits"] = False
        rows = self.couch.write("POST", f"{self.path}/_bulk_docs", body=body)
        if not new_edits:
            return _by_id(sent, rows)
        rows = cast("list[dict[str, Any]]", rows if isinstance(rows, list) else [])
        if len(rows) != len(sent):
            raise OutcomeUnknown("the server did not say what became of the documents")
        return [outcome(row, new="_rev" not in doc) for doc, row in zip(sent, rows, strict=True)]

    def bulk_get(self, ids: Sequence[str]) -> list[dict[str, Any] | None]:
        """Return the documents in the order of the ids, None where there is none."""
        if not ids:
            return []
        docs = [{"id": check_id(id)} for id in ids]
        reply = self.couch.read("POST", f"{self.path}/_bulk_get", body={"docs": docs})
        try:
            found = [result["docs"][0].get("ok") for result in reply["results"]]
        except (KeyError, TypeError, IndexError):
            raise BadGateway(_STRANGE) from None
        if len(found) != len(ids):
            raise BadGateway(_STRANGE)
        return [None if doc is None or doc.get("_deleted") else doc for doc in found]

    def all_docs(self, body: Mapping[str, Any], **params: str | int | bool) -> list[dict[str, Any]]:
        """Return rows of `_all_docs`: `id`, `key`, `value` and, with `include_docs`, `doc`.

        `body` has the keys: `keys`, `startkey`, `endkey`, `limit`, `descending`, ...
        """
        path = f"{self.path}/_all_docs"
        return rows_of(self.couch.read("POST", path, params=params, body=body))


def outcome(row: Mapping[str, Any], *, new: bool) -> str | DataError:
    """The new revision, or the error, in a row of `_bulk_docs`."""
    if "error" not in row:
        return _rev(row)
    error = of_reply(_STATUS.get(str(row["error"]), 500), row, {}, sent=True)
    if isinstance(error, Conflict) and new:
        exists = Conflict("it exists already", reason="exists")
        exists.__cause__ = error.__cause__
        return exists
    return error


def _by_id(
    sent: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]
) -> list[str | DataError]:
    refused = {row.get("id"): outcome(row, new=False) for row in rows if "error" in row}
    return [refused.get(doc.get("_id"), str(doc.get("_rev", ""))) for doc in sent]


def _object(reply: Any) -> dict[str, Any]:
    if not isinstance(reply, dict):
        raise BadGateway(_STRANGE)
    return cast("dict[str, Any]", reply)


def _rev(reply: Any) -> str:
    rev = cast("dict[str, Any]", reply).get("rev") if isinstance(reply, dict) else None
    if not isinstance(rev, str):
        raise OutcomeUnknown("the server did not say what became of the document")
    return rev


def check_fields(fields: Mapping[str, Any]) -> None:
    """InvalidArgument for a field that begins with an underscore: these are CouchDB's own."""
    if any(name.startswith("_") for name in fields):
        raise InvalidArgument("fields that begin with an underscore belong to CouchDB")
