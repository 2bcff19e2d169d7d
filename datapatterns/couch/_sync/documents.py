# Generated from datapatterns/couch/_async/documents.py by scripts/unasync.py; do not edit.
"""A database's documents, one by one and many in one request, each with its own outcome."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from datapatterns.couch._sync.database import Database, outcome
from datapatterns.couch.batches import REFUSED, Sizes, again, bulk_body, parts
from datapatterns.couch.errors import reason_of
from datapatterns.couch.paths import document_path
from datapatterns.errors import BadGateway, Conflict, DataError, NotFound, OutcomeUnknown

# What CouchDB calls a document that is not there; of a database it says something else.
_ABSENT = {"missing", "deleted"}

# A new document's JSON, or one with its `_rev`; and its id.
Item = tuple[str, bytes]


class Documents:
    """Reads and writes that know no models: ids and JSON in, JSON and revisions out.

    A document that is not there is None. `read_some` and `write_some` are one request, `read_many`
    and `write_many` as many as it takes: at most 500 documents, or about 4 MB, each.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.couch = database.couch
        self.sizes = Sizes()

    def read(self, id: str) -> dict[str, Any] | None:
        """Return the document, None if there is none."""
        try:
            raw = self.couch.read("GET", document_path(self.database.path, id))
        except NotFound as error:
            if reason_of(error) in _ABSENT:
                return None
            raise
        if not isinstance(raw, dict):
            raise _strange()
        return cast("dict[str, Any]", raw)

    def read_some(self, ids: Sequence[str]) -> list[dict[str, Any] | DataError | None]:
        """Return what one request finds, in the order of the ids."""
        path = f"{self.database.path}/_bulk_get"
        reply = self.couch.fetch("POST", path, body={"docs": [{"id": id} for id in ids]})
        self.sizes.saw(len(reply.content), len(ids))
        try:
            found = [result["docs"][0] for result in self.couch.parsed(reply)["results"]]
        except (KeyError, TypeError, IndexError):
            raise _strange() from None
        if len(found) != len(ids):
            raise _strange()
        return [_found(one) for one in found]

    def revisions(self, ids: Sequence[str]) -> list[str | None]:
        """Return the present revisions in the order of the ids, None where there is no document."""
        rows = self.database.all_docs({"keys": list(ids)})
        if len(rows) != len(ids):
            raise _strange()
        values: list[dict[str, Any]] = [row.get("value") or {} for row in rows]
        return [None if value.get("deleted") else value.get("rev") for value in values]

    def revision(self, id: str) -> str | None:
        """Return the document's present revision, None if there is none."""
        [rev] = self.revisions([id])
        return rev

    def read_many(self, ids: Sequence[str]) -> list[dict[str, Any] | None]:
        """Return the documents in the order of the ids; what fails for one fails for all."""
        found: list[dict[str, Any] | None] = []
        while len(found) < len(ids):
            some = ids[len(found) : len(found) + self.sizes.at_once]
            for one in self.read_some(some):
                if isinstance(one, DataError):
                    raise one
                found.append(one)
        return found

    def write(self, id: str, data: bytes, *, new: bool) -> str:
        """Store the document and return its revision; Conflict: `exists` for a new one."""
        path = document_path(self.database.path, id)
        try:
            reply = self.couch.write("PUT", path, body=data)
        except Conflict as error:
            if not new:
                raise
            raise Conflict("it exists already", reason="exists") from error.__cause__
        rev = cast("dict[str, Any]", reply).get("rev") if isinstance(reply, dict) else None
        if not isinstance(rev, str):
            raise OutcomeUnknown("the server did not say what became of the document")
        return rev

    def write_some(self, items: Sequence[Item], *, new: Sequence[bool]) -> list[str | DataError]:
        """Store documents in one request and return each one's revision or error, in order."""
        path = f"{self.database.path}/_bulk_docs"
        reply = self.couch.write("POST", path, body=bulk_body(data for _, data in items))
        rows = cast("list[dict[str, Any]]", reply if isinstance(reply, list) else [])
        if len(rows) != len(items):
            raise OutcomeUnknown("the server did not say what became of the documents")
        return [outcome(row, new=one) for row, one in zip(rows, new, strict=True)]

    def create_many(self, items: Sequence[Item]) -> list[str | DataError]:
        """Store new documents and return each one's revision or error, in order."""
        outcomes: list[str | DataError] = []
        for part in parts(items):
            outcomes += self._create_some(part)
        return outcomes

    def _create_some(self, items: Sequence[Item]) -> list[str | DataError]:
        try:
            return self.write_some(items, new=[True] * len(items))
        except REFUSED:
            return [self._create_one(item) for item in items]
        except DataError as error:
            return [again(error) for _ in items]

    def _create_one(self, item: Item) -> str | DataError:
        try:
            return self.write(*item, new=True)
        except DataError as error:
            return error


def _found(result: dict[str, Any]) -> dict[str, Any] | DataError | None:
    """What stands in a row of `_bulk_get`."""
    document = result.get("ok")
    if isinstance(document, dict):
        raw = cast("dict[str, Any]", document)
        return None if raw.get("_deleted") else raw
    if cast("dict[str, Any]", result.get("error") or {}).get("error") == "not_found":
        return None
    return _strange()


def _strange() -> BadGateway:
    return BadGateway("the server answered something that CouchDB does not")
