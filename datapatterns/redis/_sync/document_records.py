# Generated from datapatterns/redis/_async/document_records.py by scripts/unasync.py; do not edit.
"""Reads and adds the documents of a collection in Redis as records of a migration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from secrets import token_hex
from typing import Any

from datapatterns.core.codecs import loads
from datapatterns.core.indexes import pack_id
from datapatterns.core.records import Batch, Record, present
from datapatterns.core.tuples import AFTER
from datapatterns.errors import DataCorrupted, DataError, DecodeFailed
from datapatterns.redis._sync.lua import SCRIPTS
from datapatterns.redis._sync.scanning import Argument, text_of
from datapatterns.redis.hashes import ENTRIES, REVISION, encode, raw_of
from datapatterns.redis.keys import Keys
from datapatterns.redis.wire._sync.commands import read
from datapatterns.redis.wire._sync.pools import RedisClient

Ids = Sequence[tuple[str, ...]]

_STEP = 100  # documents that are read or stored in one step


class DocumentRecords:
    """The documents of a collection. Added ones get new revisions; the indexes are filled later."""

    def __init__(self, client: RedisClient, namespace: str, name: str) -> None:
        self.redis, self._keys = client, Keys.of(namespace, "repository", name)
        self._index = self._keys("index")

    def rows(self, after: str | None) -> Iterator[Batch]:
        """Iterate over the documents in the order of their ids."""
        first = b"[d" if after is None else b"(d" + bytes.fromhex(after)
        while True:
            rows = read(
                self.redis, "ZRANGEBYLEX", self._index, first, b"(d" + AFTER, "LIMIT", 0, _STEP
            )
            records = present(self.find([(text_of(row[1:]),) for row in rows]))
            if len(rows) < _STEP:
                yield Batch(records)
                return
            yield Batch(records, rows[-1][1:].hex())
            first = b"(" + rows[-1]

    def find(self, ids: Ids) -> list[Record | None]:
        """Return the documents of these ids, None for each one that is missing."""
        found: list[Record | None] = []
        for at in range(0, len(ids), _STEP):
            part = ids[at : at + _STEP]
            keys = [self._keys("doc", *id) for id in part]
            raws = SCRIPTS.read(self.redis, "repository/read", keys)
            found += [_document(id, raw) for id, raw in zip(part, raws, strict=True)]
        return found

    def add(self, records: Sequence[Record]) -> int:
        """Store the documents whose ids are not stored yet, with marks for indexes that exist."""
        new = 0
        for at in range(0, len(records), _STEP):
            new += self._add_some(records[at : at + _STEP])
        return new

    def _add_some(self, records: Sequence[Record]) -> int:
        keys = [self._index, self._keys("indexes")]
        args: list[Argument] = ["lax", 0]  # this writer knows no index
        for record in records:
            [id] = record.id
            keys.append(self._keys("doc", id))
            sent = [part for pair in _encoded(record).items() for part in pair]
            about: list[Argument] = [
                "create",
                "",
                token_hex(8),
                id.encode(),
                pack_id(id),
                len(sent),
            ]
            args += [*about, *sent]
        outcomes = SCRIPTS.write(self.redis, "repository/write", keys, args)
        if any(outcome not in ([b"ok"], [b"exists"]) for outcome in outcomes):
            raise DataCorrupted("a key holds another type than this pattern stores")
        return outcomes.count([b"ok"])


def _encoded(record: Record) -> dict[bytes, bytes]:
    try:
        return encode(record.data)
    except DataError as error:
        message = f"the document {record.id[0]!r} has a field that Redis cannot hold"
        raise type(error)(message, data={"id": record.id[0]}) from error


def _document(id: tuple[str, ...], reply: Any) -> Record | None:
    """Return the record of a hash; a value that is not JSON, from another program, is text."""
    raw = raw_of(reply)
    if raw is None:
        return None
    fields: dict[str, Any] = {}
    for name, value in raw.items():
        if name in (REVISION, ENTRIES):
            continue
        try:
            fields[name.decode()] = loads(value)
        except DecodeFailed:
            fields[name.decode()] = text_of(value)
    return Record(id, fields)
