"""Reads and writes the hashes of a repository, one a document, with their index entries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from datapatterns.core import indexes
from datapatterns.core.documents import Document, load
from datapatterns.core.indexes import Index
from datapatterns.errors import Conflict, DataCorrupted, DataError, NotFound, Unavailable
from datapatterns.redis._async.indexing import TRIES, AsyncIndexing
from datapatterns.redis._async.lua import SCRIPTS
from datapatterns.redis.hashes import (
    Overtaken,
    Raw,
    Remembered,
    Write,
    check_revision,
    parse,
    raw_of,
    revision,
    values_of,
)
from datapatterns.redis.wire._async.commands import read

D = TypeVar("D", bound=Document)


class AsyncHashes(Generic[D]):
    """The hashes of a collection, and the form in which this repository last saw them.

    A write is one run of `repository/write.lua`, for one document or for several. When an index
    must be filled first, the script says so and changes nothing.
    """

    def __init__(self, indexing: AsyncIndexing, remembered: Remembered) -> None:
        self.redis = indexing.redis
        self.remembered = remembered
        self._indexing = indexing

    async def read(self, id: str) -> Raw | None:
        """Return the hash of that document, or None if there is no such document."""
        raw = raw_of(await read(self.redis, "HGETALL", self._indexing.key(id)))
        self.remembered.put(id, raw)
        return raw

    async def of_entries(self, model: type[D], index: Index, entries: list[bytes]) -> list[D]:
        """Return the documents of index entries, without those whose entry has changed since."""
        ids = [indexes.entry_id(entry) for entry in entries]
        documents: list[D] = []
        for id, raw, entry in zip(ids, await self._indexing.read_many(ids), entries, strict=True):
            fields = parse(raw or {})
            if raw is not None and indexes.entry(values_of(index, fields), id) == entry:
                documents.append(load(model, id, revision(raw), fields))
        return documents

    async def write(self, writes: Sequence[Write[D]]) -> list[D | DataError]:
        """Send the writes and return each one's document or error."""
        outcomes = await self._send(writes)
        return [self._outcome(*one) for one in zip(writes, outcomes, strict=True)]

    async def destroy(self, id: str, rev: str | None) -> None:
        """Remove the document; raise NotFound if it is missing, Conflict if `rev` is stale."""
        keys = [self._indexing.set, self._indexing.states, self._indexing.key(id)]
        wanted = "" if rev is None else check_revision(rev)
        self.remembered.put(id, None)
        args: list[bytes | str] = [wanted, id.encode(), indexes.pack_id(id)]
        await SCRIPTS.write(self.redis, "repository/destroy", keys, args)

    async def _send(self, writes: Sequence[Write[D]]) -> list[Any]:
        """Run the script and return its reply; first fill the indexes if it asks for that."""
        indexing = self._indexing
        keys = [indexing.set, indexing.states, *(indexing.key(write.id) for write in writes)]
        args: list[bytes | str | int] = [len(indexing.indexes)]
        for name, index in indexing.indexes.items():
            args += [indexing.names[name], "1" if index.unique else ""]
        for write in writes:
            args += self._arguments(write)
        mode: bytes | str | int = indexing.mode
        for _ in range(TRIES):
            given: list[bytes | str | int] = [mode, *args]
            outcomes = await SCRIPTS.write(self.redis, "repository/write", keys, given)
            if isinstance(outcomes, list):
                return outcomes  # pyright: ignore[reportUnknownVariableType] - the driver's
            await indexing.prepare()
            await indexing.catch_up()
            mode = "lax"  # marks left since then belong to later writes
        raise Unavailable(
            "other programs remove an index again and again; declare it in all of them"
        )

    def _arguments(self, write: Write[D]) -> list[bytes | str | int]:
        values = [values_of(index, write.fields) for index in self._indexing.indexes.values()]
        sent: list[bytes] = [part for pair in write.sent.items() for part in pair]
        id = write.id.encode(), indexes.pack_id(write.id)
        about: list[bytes | str] = [write.mode, write.expected, write.rev, *id]
        return [*about, *values, len(sent), *sent]

    def _outcome(self, write: Write[D], outcome: list[Any]) -> D | DataError:
        """Return the document as it is stored now, or the error that the outcome stands for."""
        match outcome:
            case [b"ok"]:
                self.remembered.put(write.id, write.after)
                return write.done()
            case [b"exists"]:
                return Conflict("the id is taken", reason="exists")
            case [b"missing"]:
                self.remembered.put(write.id, None)
                return NotFound("there is no such document")
            case [b"stale", stored]:
                overtaken = Overtaken(raw_of(stored))
                self.remembered.put(write.id, overtaken.stored)
                return overtaken
            case [b"taken", int(number)]:
                index = list(self._indexing.indexes.values())[number - 1]
                message = f"another document has the same {', '.join(index.fields)}"
                return Conflict(message, reason="exists", data={"index": index.name})
            case _:
                return DataCorrupted("a key holds another type than this pattern stores")
