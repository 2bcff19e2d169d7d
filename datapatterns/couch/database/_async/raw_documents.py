"""A database's documents as JSON: one by one, and many in one request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from datapatterns.couch.database.bulk import REFUSED, Sizes, again, bulk_body, parts
from datapatterns.couch.http._async.client import AsyncCouchClient, Params
from datapatterns.couch.http.errors import existing, reason_of, unexpected_answer
from datapatterns.couch.http.paths import database_path, document_path
from datapatterns.couch.http.replies import (
    bulk_outcome,
    bulk_rows,
    document_of,
    leaves_of,
    readable,
    rows_of,
    winner_of,
    written_revision,
)
from datapatterns.couch.http.salvage import DOCUMENT, LEAF, ROW
from datapatterns.errors import Conflict, DataError, NotFound

Json = dict[str, Any]

# What CouchDB calls a document that does not exist; of a missing database it says something else.
_ABSENT = {"missing", "deleted"}

# A document's id, and its JSON: with `_rev`, unless it is new.
Item = tuple[str, bytes]


class AsyncRawDocuments:
    """Reads and writes documents that no model has validated: JSON in, JSON and revisions out.

    A document that our JSON parser refuses, such as one nested 300 deep, is found as its bytes.
    `find_some` and `write_some` are one request. `find_many` and `create_many` are as many requests
    as needed, each with at most 500 documents or about 4 MB.
    """

    def __init__(self, couch: AsyncCouchClient, database: str) -> None:
        self.couch = couch
        self.path = database_path(database)
        self.sizes = Sizes()

    async def get(self, id: str, **params: str | int | bool) -> Json:
        """Return the document; raise NotFound if it does not exist, DecodeFailed if it is bytes."""
        return readable(id, await self._get(id, params))

    async def _get(self, id: str, params: Params | None = None) -> Json | bytes:
        path = document_path(self.path, id)
        reply = await self.couch.read("GET", path, params=params or None, documents=DOCUMENT)
        return document_of(reply)

    async def find(self, id: str) -> Json | bytes | None:
        """Return the document, None if it does not exist; raise NotFound without a database."""
        try:
            return await self._get(id)
        except NotFound as error:
            if reason_of(error) in _ABSENT:
                return None
            raise

    async def find_some(self, ids: Sequence[str]) -> list[Json | bytes | DataError | None]:
        """Return what one request finds, in the order of the ids."""
        path = f"{self.path}/_bulk_get"
        reply = await self.couch.fetch("POST", path, body={"docs": [{"id": id} for id in ids]})
        self.sizes.saw(len(reply.content), len(ids))
        results = self.couch.parsed(reply, documents=LEAF)
        return [winner_of(answers) for answers in leaves_of(results, len(ids))]

    async def find_many(self, ids: Sequence[str]) -> list[Json | bytes | None]:
        """Return the documents in the order of the ids; raise the first error of any of them."""
        found: list[Json | bytes | None] = []
        while len(found) < len(ids):
            some = ids[len(found) : len(found) + self.sizes.at_once]
            found += all_found(await self.find_some(some))
        return found

    async def all_docs(self, body: Mapping[str, Any], **params: str | int | bool) -> list[Json]:
        """Return rows of `_all_docs`."""
        path = f"{self.path}/_all_docs"
        reply = await self.couch.read("POST", path, params=params, body=body, documents=ROW)
        return rows_of(reply)

    async def revisions(self, ids: Sequence[str]) -> list[str | None]:
        """Return the present revisions in the order of the ids, None for absent documents."""
        rows = await self.all_docs({"keys": list(ids)})
        if len(rows) != len(ids):
            raise unexpected_answer()
        values: list[Json] = [row.get("value") or {} for row in rows]
        return [None if value.get("deleted") else value.get("rev") for value in values]

    async def revision(self, id: str) -> str | None:
        """Return the document's present revision, None if it does not exist."""
        [rev] = await self.revisions([id])
        return rev

    async def write(self, id: str, data: bytes, *, new: bool) -> str:
        """Store the document and return its revision.

        Raise Conflict for a stale revision; it is `exists` if the document is new.
        """
        path = document_path(self.path, id)
        try:
            return written_revision(await self.couch.write("PUT", path, body=data))
        except Conflict as error:
            if not new:
                raise
            raise existing(error) from error.__cause__

    async def write_some(
        self, items: Sequence[Item], *, new: Sequence[bool]
    ) -> list[str | DataError]:
        """Store documents in one request and return each one's revision or error, in order."""
        rows = bulk_rows(await self.write_bulk(data for _, data in items), len(items))
        return [bulk_outcome(row, new=one) for row, one in zip(rows, new, strict=True)]

    async def write_bulk(self, documents: Iterable[bytes], *, new_edits: bool = True) -> Any:
        """Return the server's reply to one `_bulk_docs`."""
        body = bulk_body(documents, new_edits=new_edits)
        return await self.couch.write("POST", f"{self.path}/_bulk_docs", body=body)

    async def create_many(self, items: Sequence[Item]) -> list[str | DataError]:
        """Store new documents and return each one's revision or error, in order."""
        outcomes: list[str | DataError] = []
        for part in parts(items):
            outcomes += await self._create_some(part)
        return outcomes

    async def _create_some(self, items: Sequence[Item]) -> list[str | DataError]:
        """Store new documents in one request, or one by one if the server refuses that request."""
        try:
            return await self.write_some(items, new=[True] * len(items))
        except REFUSED:
            return [await self._create_one(item) for item in items]
        except DataError as error:
            return [again(error) for _ in items]

    async def _create_one(self, item: Item) -> str | DataError:
        """Store a new document and return its revision or error."""
        try:
            return await self.write(*item, new=True)
        except DataError as error:
            return error


def all_found(
    outcomes: Sequence[Json | bytes | DataError | None],
) -> list[Json | bytes | None]:
    """Return the documents; raise the first error among them."""
    found: list[Json | bytes | None] = []
    for one in outcomes:
        if isinstance(one, DataError):
            raise one
        found.append(one)
    return found
