# Generated from datapatterns/couch/_async/transfer.py by scripts/unasync.py; do not edit.
"""All collections of a namespace in CouchDB, for `migrate`: found by the names of databases."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast
from urllib.parse import unquote_to_bytes

from datapatterns.codecs import dumps
from datapatterns.couch._sync.couch import Couch
from datapatterns.couch._sync.database import Database
from datapatterns.couch._sync.documents import Documents
from datapatterns.couch.documents import check_document_id, fields_in
from datapatterns.couch.paths import database_name
from datapatterns.errors import Conflict, DataError, InvalidData, NotFound
from datapatterns.transfers import CHECKPOINTS, Batch, Inventory, Kind, Record, Unit

_PAGE = 200  # documents that are read in one request
_DESIGN = "_design/"
_LOCAL = "_local/datapatterns."
# What a collection's database may be called (see `database_name`), with its namespace or without.
_SPELLED = r"(?:n\$\$)?(?:[a-z0-9_-]|\$[0-9a-f]{2})+"
_NAME = re.compile(rf"(?:({_SPELLED})\+)?({_SPELLED})")
_MIGRATION = "n$$$$migration"  # no collection is called that


class Transfer:
    """The documents of a namespace's collections, as records; see `Transfer` of the store.

    Any database with a name that could be a collection's is one, so that what others made is
    carried as well. Taking stock reads every document once: that is the only way to find
    attachments and conflicting revisions, which stay behind. (From one CouchDB to another,
    replication carries these too.) Batches are read from `_all_docs` and stored with `_bulk_docs`,
    without a revision, so that what is there conflicts and stays.
    """

    kinds: frozenset[Kind] = frozenset({"repository"})

    def __init__(self, couch: Couch, *, namespace: str = "") -> None:
        self.couch = couch
        self._namespace = namespace
        self._documents: dict[str, Documents] = {}
        own = database_name(namespace, "x")[:-1] + _MIGRATION
        self._migration = couch.database(own)

    @property
    def address(self) -> str:
        """The server without credentials, and the namespace."""
        url = self.couch.client.base_url
        return f"couch://{url.host}:{url.port or ''}{str(url.path).rstrip('/')}#{self._namespace}"

    def identity(self) -> str:
        """Return the server's own id and the namespace."""
        said = self.couch.read("GET", "/")
        own = cast("dict[str, Any]", said).get("uuid") if isinstance(said, dict) else None
        return f"couch:{own}#{self._namespace}" if own else self.address

    def inventory(self) -> Inventory:
        """Return the collections with their counts, and what cannot be carried."""
        found = Inventory()
        for name in self.couch.read("GET", "/_all_dbs"):
            collection = self._collection(name)
            if collection is not None:
                self._survey(found, Unit("repository", collection))
            elif not name.startswith("_") and self._is_mine(name) and name != self._migration.name:
                found.leave(f"database {name!r} (its name is no collection's)")
        return found

    def _is_mine(self, name: str) -> bool:
        """Whether it may be in the namespace; without one, whether it is in none."""
        prefix = database_name(self._namespace, "x")[:-1]
        return name.startswith(prefix) and (bool(prefix) or "+" not in name)

    def _collection(self, database: str) -> str | None:
        """The collection that the database is, in this namespace."""
        match = _NAME.fullmatch(database)
        if match is None or _unspelled(match[1] or "") != self._namespace:
            return None
        name = _unspelled(match[2])
        return name if name and database_name(self._namespace, name) == database else None

    def _survey(self, found: Inventory, unit: Unit) -> None:
        for rows in self._rows(unit, None, conflicts=True):
            for row in rows:
                document = row["doc"]
                if row["id"].startswith(_DESIGN):
                    found.leave("design documents (repositories make theirs anew)")
                    continue
                found.count(unit)
                found.leave("attachments", len(document.get("_attachments", ())))
                found.leave("conflicting revisions", len(document.get("_conflicts", ())))
        try:
            local = self.couch.read("GET", f"{self._of(unit).database.path}/_local_docs")
            rows = local["rows"]
        except (DataError, KeyError, TypeError):  # CouchDB has that list, others have not
            return
        found.leave(CHECKPOINTS, sum(row["id"].startswith(_LOCAL) for row in rows))

    def _of(self, unit: Unit) -> Documents:
        documents = self._documents.get(unit.name)
        if documents is None:
            database = self.couch.database(database_name(self._namespace, unit.name))
            documents = self._documents[unit.name] = Documents(database)
        return documents

    def _rows(
        self, unit: Unit, after: str | None, **options: bool
    ) -> Iterator[list[dict[str, Any]]]:
        """Iterate over pages of `_all_docs` behind that id, with documents."""
        database: Database = self._of(unit).database
        while True:
            body: dict[str, Any] = {"limit": _PAGE + 1}
            if after is not None:
                body["startkey"] = after
            rows = database.all_docs(body, include_docs=True, **options)
            found = [row for row in rows if row["id"] != after and row.get("doc") is not None]
            yield found
            if len(rows) <= _PAGE:
                return
            after = rows[-1]["id"]

    def export(self, unit: Unit, after: str | None = None) -> Iterator[Batch]:
        """Iterate over the documents by id, less design documents."""
        for rows in self._rows(unit, after):
            records = [
                Record((row["id"],), fields_in(row["doc"]))
                for row in rows
                if not row["id"].startswith(_DESIGN)
            ]
            yield Batch(records, rows[-1]["id"] if rows else None)

    def find(self, unit: Unit, ids: Sequence[tuple[str, ...]]) -> list[Record | None]:
        """Return the documents of these ids."""
        try:
            found = self._of(unit).read_many([id for [id] in ids])
        except NotFound:  # the database
            return [None] * len(ids)
        return [
            None if raw is None else Record(id, fields_in(raw))
            for id, raw in zip(ids, found, strict=True)
        ]

    def add(self, unit: Unit, records: Sequence[Record]) -> int:
        """Store those that are not there; return how many."""
        if unit.name not in self._documents:
            self._of(unit).database.create()
        if not records:
            return 0
        outcomes = self._of(unit).create_many([_encoded(record) for record in records])
        for outcome in outcomes:
            if isinstance(outcome, Conflict) or not isinstance(outcome, DataError):
                continue
            raise outcome
        return sum(isinstance(outcome, str) for outcome in outcomes)

    def progress(self) -> dict[str, Any] | None:
        """Return what was noted."""
        try:
            noted = self._migration.get("progress")
        except NotFound:
            return None
        return noted["noted"]

    def note(self, progress: Mapping[str, Any] | None) -> None:
        """Note how far the migration is, in a database of its own, which goes when it is over."""
        if progress is None:
            self._migration.destroy()
            return
        self._migration.create()
        try:
            rev = {"_rev": (self._migration.get("progress"))["_rev"]}
        except NotFound:
            rev = {}
        self._migration.put("progress", {**rev, "noted": progress})


def _unspelled(part: str) -> str:
    """The name in a part of a database's name."""
    plain = part.removeprefix("n$$").replace("%", "").replace("$", "%")
    return unquote_to_bytes(plain).decode(errors="replace")


def _encoded(record: Record) -> tuple[str, bytes]:
    id = check_document_id(record.id[0])
    if any(name.startswith("_") for name in record.data):
        raise InvalidData(
            f"the document {id!r} has a field that belongs to CouchDB", data={"id": id}
        )
    return id, dumps({"_id": id, **record.data})
