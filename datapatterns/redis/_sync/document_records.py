# Generated from datapatterns/redis/_async/document_records.py by scripts/unasync.py; do not edit.
"""Reads and adds the documents of a collection in Redis as records of a migration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from datapatterns.core.records import Batch, Record, present
from datapatterns.core.tuples import AFTER
from datapatterns.errors import Conflict, DataError
from datapatterns.redis._sync.hashes import Hashes
from datapatterns.redis._sync.indexing import Indexing
from datapatterns.redis._sync.scanning import text_of
from datapatterns.redis.hashes import ENTRIES, REVISION, Raw, Remembered, Write, encode, parse
from datapatterns.redis.keys import Keys
from datapatterns.redis.wire._sync.commands import read
from datapatterns.redis.wire._sync.pools import RedisClient

Ids = Sequence[tuple[str, ...]]

_STEP = 100  # documents that are read or stored in one step


class DocumentRecords:
    """The documents of a collection. Added ones get new revisions.

    They get entries in complete unique indexes, and marks for other indexes that exist, which take
    them in later.
    """

    def __init__(self, client: RedisClient, namespace: str, name: str) -> None:
        keys = Keys.of(namespace, "repository", name)
        self.redis = client
        self._indexing = Indexing(client, keys, {}, ensure=True)
        self._hashes = Hashes[None](self._indexing, Remembered(0))

    def rows(self, after: str | None) -> Iterator[Batch]:
        """Iterate over the documents in the order of their ids."""
        first = b"[d" if after is None else b"(d" + bytes.fromhex(after)
        while True:
            rows = read(
                self.redis,
                "ZRANGEBYLEX",
                self._indexing.set,
                first,
                b"(d" + AFTER,
                "LIMIT",
                0,
                _STEP,
            )
            records = present(self.find([(text_of(row[1:]),) for row in rows]))
            if len(rows) < _STEP:
                yield Batch(records)
                return
            yield Batch(records, rows[-1][1:].hex())
            first = b"(" + rows[-1]

    def find(self, ids: Ids) -> list[Record | None]:
        """Return the documents of these ids, None for each one that is missing."""
        raws = self._indexing.read_many(id for (id,) in ids)
        return list(map(_document, ids, raws))

    def add(self, records: Sequence[Record]) -> int:
        """Store the documents whose ids are not stored yet, and return how many.

        Raise Conflict for one that has the same values in a complete unique index as another.
        """
        new = 0
        for at in range(0, len(records), _STEP):
            new += self._add_some(records[at : at + _STEP])
        return new

    def _add_some(self, records: Sequence[Record]) -> int:
        outcomes = self._hashes.write([_write(record) for record in records])
        for record, outcome in zip(records, outcomes, strict=True):
            if isinstance(outcome, Conflict) and "index" in outcome.data:
                message = f"the document {record.id[0]!r} cannot be stored: {outcome}"
                data = {**outcome.data, "id": record.id[0]}
                raise Conflict(message, reason="exists", data=data)
            if outcome is not None and not isinstance(outcome, Conflict):
                raise outcome
        return outcomes.count(None)


def _write(record: Record) -> Write[None]:
    """Return the write that creates the document; an index that cannot hold it leaves it out."""
    return Write(
        "create", record.id[0], "", record.data, _encoded(record), _no_document, record.data
    )


def _no_document(_: str) -> None:
    """Return nothing: a migration needs no document."""


def _document(id: tuple[str, ...], raw: Raw | None) -> Record | None:
    """Return the record of a hash; raise DataCorrupted for a name or text that is not UTF-8."""
    if raw is None:
        return None
    for name, value in raw.items():
        if name not in (REVISION, ENTRIES):
            text_of(name)
            text_of(value)
    return Record(id, parse(raw))


def _encoded(record: Record) -> Raw:
    try:
        return encode(record.data)
    except DataError as error:
        message = f"the document {record.id[0]!r} has a field that Redis cannot hold"
        raise type(error)(message, data={"id": record.id[0]}) from error
