"""Putting collections right after a recovery: their change logs at once, their indexes later.

A damaged directory can have lost the change of a document or the document of a change, or can
hold an older version than the one its log knows of. What is stored counts, except that what is
known to be deleted stays deleted. Every document that the log does not know as it is gets a new
number, so that followers hear of it and an old revision cannot be mistaken for it. The notes that
indexes are complete are dropped: repositories fill them when they are next used.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from datapatterns.core.codecs import dumps
from datapatterns.errors import DataError
from datapatterns.level.engine.driver import Database
from datapatterns.level.engine.keys import upper_bound
from datapatterns.level.engine.readers import View
from datapatterns.level.repair.inspection import (
    NUMBER,
    OWN,
    documents_prefix,
    stored_number,
)
from datapatterns.level.steps.collection import parse_change
from datapatterns.level.steps.stored_form import REVISION, parse

_STEP = 500  # writes in one batch


@dataclass(frozen=True, slots=True)
class _Location:
    """A collection as it lies on disk: the prefix of its client, and its escaped name."""

    client: bytes
    name: bytes

    @property
    def documents(self) -> bytes:
        return documents_prefix(self.client, self.name)

    def own(self, kind: bytes) -> bytes:
        return b"%b!$%b!!%b!" % (self.client, kind, self.name)


def rebuild(database: Database) -> None:
    """Put right every collection of the directory; if it is interrupted, run it again."""
    for location in _locations(database):
        _Rebuilding(database, location).run()


def _locations(database: Database) -> set[_Location]:
    """Return the collections that this library has stored something about."""
    keys = View(database, cached=False).keys(b"", None)
    found = (OWN.match(key) for key in keys if b"!$" in key)
    return {_Location(own[1], own[3].partition(b".")[0]) for own in found if own}


class _Rebuilding:
    """Rebuilds one collection; its reads see what it has written before."""

    def __init__(self, database: Database, location: _Location) -> None:
        self._database, self._stored = database, View(database, cached=False)
        self._location = location
        self._changes, self._deleted = location.own(b"changes"), location.own(b"deleted")
        self._pending: dict[bytes, bytes | None] = {}
        self._head = 0

    def run(self) -> None:
        """Find the head, compare the log with the documents, then the documents with the log."""
        head_key = self._location.own(b"meta") + b"head"
        stored = self._get(head_key)
        logged = stored is None or bool(next(self._rows(self._changes), None))
        self._head = max(self._numbers(stored), default=0)
        if logged:
            for key, value in self._rows(self._changes):
                self._check_change(key, value)
            self._write()
            for key, value in self._rows(self._location.documents):
                self._check_document(key, value)
            for key, _ in self._rows(self._deleted):
                if self._get(self._location.documents + key[len(self._deleted) :]) is not None:
                    self._put(key, None)
        for key, _ in self._rows(self._location.own(b"meta")):
            if key != head_key:
                self._put(key, None)
        self._put(head_key, NUMBER.pack(self._head))
        self._write()

    def _numbers(self, head: bytes | None) -> Iterator[int]:
        """Iterate over every number of a change of which there still is a trace."""
        if head is not None and len(head) == NUMBER.size:
            yield NUMBER.unpack(head)[0]
        for key, _ in self._rows(self._changes):
            if (number := self._number(key)) is not None:
                yield number
        for _, value in self._rows(self._location.documents):
            yield stored_number(value) or 0
        for _, value in self._rows(self._location.own(b"checkpoints")):
            yield int(value) if value.isdigit() else 0

    def _number(self, key: bytes) -> int | None:
        data = key[len(self._changes) :]
        return NUMBER.unpack(data)[0] if len(data) == NUMBER.size else None

    def _check_change(self, key: bytes, value: bytes) -> None:
        number, change = self._number(key), parse_change(value)
        if number is None or change is None:
            self._put(key, None)
            return
        id, deleted = change
        document = self._location.documents + id.encode()
        stored = self._get(document)
        last = stored_number(stored)
        if stored is None or last is None:
            if not deleted:
                self._put(key, dumps([id, True]))
            self._put(self._deleted + id.encode(), NUMBER.pack(number))
        elif last < number and deleted:
            self._put(document, None)
        elif last < number:
            self._put(key, None)
            self._renew(id, stored)

    def _check_document(self, key: bytes, value: bytes) -> None:
        number = stored_number(value)
        if not number:
            return  # written past this library, or not readable: left as it is
        try:
            id = key[len(self._location.documents) :].decode()
        except UnicodeDecodeError:
            return
        change = self._get(self._changes + NUMBER.pack(number))
        if change is None or parse_change(change) != (id, False):
            self._renew(id, value)

    def _renew(self, id: str, stored: bytes) -> None:
        """Write the document as a change of its own."""
        try:
            fields = parse(stored)
        except DataError:
            return
        self._head += 1
        fields[REVISION] = str(self._head)
        self._put(self._location.documents + id.encode(), dumps(fields))
        self._put(self._changes + NUMBER.pack(self._head), dumps([id, False]))

    # --- reading and writing

    def _get(self, key: bytes) -> bytes | None:
        if key in self._pending:
            return self._pending[key]
        return self._stored.get(key)

    def _rows(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        return self._stored.items(prefix, upper_bound(prefix))

    def _put(self, key: bytes, value: bytes | None) -> None:
        self._pending[key] = value
        if len(self._pending) >= _STEP:
            self._write()

    def _write(self) -> None:
        batch = self._database.write_batch(sync=True)
        for key, value in self._pending.items():
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        batch.write()
        self._pending.clear()
