"""All collections of a namespace in CouchDB, found by the names of databases, for `migrate`."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, cast
from urllib.parse import unquote_to_bytes

from typing_extensions import override

from datapatterns.contracts._async import transfer
from datapatterns.core.codecs import dumps
from datapatterns.core.records import CHECKPOINTS, Batch, Inventory, Kind, Record, Unit
from datapatterns.couch.database._async.database import AsyncDatabase
from datapatterns.couch.database._async.raw_documents import AsyncRawDocuments
from datapatterns.couch.database.raw_documents import check_document_id, fields_in
from datapatterns.couch.http._async.client import AsyncCouchClient
from datapatterns.couch.http.paths import database_name
from datapatterns.couch.http.replies import readable
from datapatterns.errors import Conflict, DataError, InvalidData, NotFound

_PAGE = 200  # documents that are read in one request
_DESIGN = "_design/"
_LOCAL = "_local/datapatterns."
# The names that `database_name` gives, with a namespace or without.
_SPELLED = r"(?:n\$\$)?(?:[a-z0-9_-]|\$[0-9a-f]{2})+"
_NAME = re.compile(rf"(?:({_SPELLED})\+)?({_SPELLED})")
_MIGRATION = "n$$$$migration"  # no collection has a database of that name


class AsyncTransfer(transfer.AsyncTransfer):
    """Reads and adds the documents of a namespace's collections, as records.

    Every database whose name could be a collection's counts as one, so that databases made by other
    programs are transferred too. `inventory` reads every document once, since there is no other way
    to find attachments and conflicting revisions, which are not transferred. (From one CouchDB to
    another, replication transfers these as well.) Batches are read from `_all_docs` and stored with
    `_bulk_docs`, without a revision, so that documents that exist already conflict and stay.
    """

    def __init__(self, couch: AsyncCouchClient, *, namespace: str = "") -> None:
        self.couch = couch
        self._namespace = namespace
        self._documents: dict[str, AsyncRawDocuments] = {}  # by collection
        self._prefix = database_name(namespace, "x")[:-1]
        self._migration = AsyncDatabase(couch, self._prefix + _MIGRATION)

    @property
    @override
    def kinds(self) -> frozenset[Kind]:
        return frozenset({"repository"})

    @property
    @override
    def address(self) -> str:
        """Return the server without credentials, and the namespace."""
        url = self.couch.http.base_url
        return f"couch://{url.host}:{url.port or ''}{str(url.path).rstrip('/')}#{self._namespace}"

    @override
    async def identity(self) -> str:
        """Return the server's own id and the namespace."""
        welcome = await self.couch.read("GET", "/")
        own = cast("dict[str, Any]", welcome).get("uuid") if isinstance(welcome, dict) else None
        return f"couch:{own}#{self._namespace}" if own else self.address

    @override
    async def inventory(self) -> Inventory:
        found = Inventory()
        for name in await self.couch.read("GET", "/_all_dbs"):
            collection = self._collection(name)
            if collection is not None:
                await self._survey(found, Unit("repository", collection))
            elif not name.startswith("_") and self._is_mine(name) and name != self._migration.name:
                found.leave(f"database {name!r} (no collection has such a name)")
        return found

    def _is_mine(self, name: str) -> bool:
        """Return whether a database may belong to the namespace, by its name."""
        return name.startswith(self._prefix) and (bool(self._prefix) or "+" not in name)

    def _collection(self, database: str) -> str | None:
        """Return the collection in this namespace of that database, or None."""
        match = _NAME.fullmatch(database)
        if match is None or _unspelled(match[1] or "") != self._namespace:
            return None
        name = _unspelled(match[2])
        return name if name and database_name(self._namespace, name) == database else None

    async def _survey(self, found: Inventory, unit: Unit) -> None:
        """Count a collection's documents, and what cannot be transferred."""
        async for rows in self._rows(unit, None, conflicts=True):
            for row in rows:
                document = row["doc"]
                if row["id"].startswith(_DESIGN):
                    found.leave("design documents (repositories create theirs again)")
                    continue
                if isinstance(document, bytes):
                    found.leave("documents that are not JSON that can be read")
                    continue
                found.count(unit)
                found.leave("attachments", len(document.get("_attachments", ())))
                found.leave("conflicting revisions", len(document.get("_conflicts", ())))
        try:
            local = await self.couch.read("GET", f"{self._of(unit).path}/_local_docs")
            rows = local["rows"]
        except (DataError, KeyError, TypeError):  # only CouchDB itself has that list
            return
        found.leave(CHECKPOINTS, sum(row["id"].startswith(_LOCAL) for row in rows))

    def _of(self, unit: Unit) -> AsyncRawDocuments:
        """Return the documents of a collection."""
        documents = self._documents.get(unit.name)
        if documents is None:
            database = database_name(self._namespace, unit.name)
            documents = self._documents[unit.name] = AsyncRawDocuments(self.couch, database)
        return documents

    async def _rows(
        self, unit: Unit, after: str | None, **options: bool
    ) -> AsyncIterator[list[dict[str, Any]]]:
        """Iterate over pages of `_all_docs` behind the id `after`, with documents."""
        documents = self._of(unit)
        while True:
            body: dict[str, Any] = {"limit": _PAGE + 1}
            if after is not None:
                body["startkey"] = after
            rows = await documents.all_docs(body, include_docs=True, **options)
            found = [row for row in rows if row["id"] != after and row.get("doc") is not None]
            yield found
            if len(rows) <= _PAGE:
                return
            after = rows[-1]["id"]

    @override
    async def export(self, unit: Unit, after: str | None = None) -> AsyncIterator[Batch]:
        """Iterate over the documents by id, without design documents."""
        async for rows in self._rows(unit, after):
            records = [
                Record((row["id"],), fields_in(row["doc"]))
                for row in rows
                if not row["id"].startswith(_DESIGN) and not isinstance(row["doc"], bytes)
            ]
            yield Batch(records, rows[-1]["id"] if rows else None)

    @override
    async def find(self, unit: Unit, ids: Sequence[tuple[str, ...]]) -> list[Record | None]:
        try:
            found = await self._of(unit).find_many([id for [id] in ids])
        except NotFound:  # there is no such database
            return [None] * len(ids)
        return [
            None if raw is None else Record(id, fields_in(readable(id[0], raw)))
            for id, raw in zip(ids, found, strict=True)
        ]

    @override
    async def add(self, unit: Unit, records: Sequence[Record]) -> int:
        first = unit.name not in self._documents
        documents = self._of(unit)
        if first:
            await AsyncDatabase(self.couch, database_name(self._namespace, unit.name)).create()
        if not records:
            return 0
        outcomes = await documents.create_many([_encoded(record) for record in records])
        for outcome in outcomes:
            if isinstance(outcome, DataError) and not isinstance(outcome, Conflict):
                raise outcome
        return sum(isinstance(outcome, str) for outcome in outcomes)

    @override
    async def progress(self) -> dict[str, Any] | None:
        try:
            noted = await self._migration.get("progress")
        except NotFound:
            return None
        return noted["noted"]

    @override
    async def note(self, progress: Mapping[str, Any] | None) -> None:
        """Store how far the migration is, in a database of its own; None removes that database."""
        if progress is None:
            await self._migration.destroy()
            return
        await self._migration.create()
        try:
            rev = {"_rev": (await self._migration.get("progress"))["_rev"]}
        except NotFound:
            rev = {}
        await self._migration.put("progress", {**rev, "noted": progress})


def _unspelled(part: str) -> str:
    """Return the name that `database_name` spelled as this part of a database's name."""
    plain = part.removeprefix("n$$").replace("%", "").replace("$", "%")
    return unquote_to_bytes(plain).decode(errors="replace")


def _encoded(record: Record) -> tuple[str, bytes]:
    """Return the id and the JSON of a record; raise InvalidData for a reserved field."""
    id = check_document_id(record.id[0])
    if any(name.startswith("_") for name in record.data):
        raise InvalidData(
            f"the document {id!r} has a field whose name CouchDB reserves", data={"id": id}
        )
    return id, dumps({"_id": id, **record.data})
