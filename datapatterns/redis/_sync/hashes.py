# Generated from datapatterns/redis/_async/hashes.py by scripts/unasync.py; do not edit.
"""Reads and writes the hashes of a repository, one a document, with their index entries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Generic, NamedTuple, TypeVar

from datapatterns.core.documents import absent, stale
from datapatterns.core.indexes import Index, entry, entry_id, pack_id
from datapatterns.core.schema import Stored
from datapatterns.errors import Conflict, DataCorrupted, DataError, NotFound, Unavailable
from datapatterns.redis._sync.indexing import TRIES, Indexing
from datapatterns.redis._sync.lua import SCRIPTS
from datapatterns.redis.hashes import (
    Newer,
    Overtaken,
    Raw,
    Remembered,
    Write,
    check_revision,
    parse,
    raw_of,
    revision,
)
from datapatterns.redis.index_states import KnownIndex
from datapatterns.redis.wire._sync.commands import read

R = TypeVar("R")
Argument = bytes | str | int


class Sent(NamedTuple):
    """The key of a document, and the arguments of the script that writes it."""

    key: bytes
    args: list[Argument]


class Hashes(Generic[R]):
    """The hashes of a collection, and the form in which this repository last saw them.

    A write is one run of `repository/write.lua`, for one document or for several. If an index must
    be filled first, or if other programs have a complete unique index that is not known here yet,
    the script says so and changes nothing, and is run again after that.
    """

    def __init__(self, indexing: Indexing, remembered: Remembered) -> None:
        self.redis = indexing.redis
        self.remembered = remembered
        self._indexing = indexing

    def read(self, id: str) -> Raw | None:
        """Return the hash of that document, or None if there is no such document."""
        raw = raw_of(read(self.redis, "HGETALL", self._indexing.key(id)))
        self.remembered.put(id, raw)
        return raw

    def read_revision(self, id: str, rev: str) -> Raw:
        """Return the hash of this revision; raise Conflict if another one is stored."""
        raw = self.remembered.get(id)
        if raw is None or revision(raw) != rev:
            [raw] = self._indexing.read_many([id])  # from the primary
            self.remembered.put(id, raw)
        if raw is None or revision(raw) != rev:
            raise stale()
        return raw

    def of_entries(self, index: Index, entries: Sequence[bytes]) -> list[Stored]:
        """Return the documents of index entries, without those whose entry has changed since."""
        ids = list(dict.fromkeys(map(entry_id, entries)))
        found: dict[str, tuple[Stored, set[bytes]]] = {}
        for id, raw in zip(ids, self._indexing.read_many(ids), strict=True):
            if raw is not None:
                fields = parse(raw)
                own = {entry(values, id) for values in index.stored_values(id, fields)}
                found[id] = Stored(id, revision(raw), fields), own
        shown = [(one, found[id]) for one in entries if (id := entry_id(one)) in found]
        return [stored for one, (stored, own) in shown if one in own]

    def write(self, writes: Sequence[Write[R]]) -> list[R | DataError]:
        """Send the writes and return each one's document or error."""
        indexing, mode = self._indexing, self._indexing.mode
        for _ in range(TRIES):
            known = indexing.known()
            sent = [self._sent(write, known) for write in writes]
            status, *found = self._send(mode, known, sent)
            if status == b"done":
                outcomes = iter(found[0])
                return [
                    self._outcome(write, known, next(outcomes)) if isinstance(one, Sent) else one
                    for write, one in zip(writes, sent, strict=True)
                ]
            if status == b"unknown":
                indexing.learn(found)
            else:
                indexing.prepare()
                indexing.catch_up()
                mode = "lax"  # marks left since then belong to later writes
        raise Unavailable(
            "other programs remove an index again and again; declare it in all of them"
        )

    def destroy(self, id: str, rev: str | None) -> None:
        """Remove the document; raise NotFound if it is missing, Conflict if `rev` is stale."""
        [outcome] = self.destroy_some([(id, "" if rev is None else check_revision(rev))])
        if outcome == b"missing":
            raise absent()
        if outcome == b"stale":
            raise stale()
        if outcome == b"corrupted":
            raise _corrupted()

    def destroy_some(self, wanted: Sequence[tuple[str, str]]) -> list[bytes]:
        """Remove documents that have these revisions ("" for any); return each one's outcome."""
        keys = [self._indexing.set, self._indexing.states]
        args: list[Argument] = []
        for id, rev in wanted:
            keys.append(self._indexing.key(id))
            args += [rev, id.encode(), pack_id(id)]
            self.remembered.put(id, None)
        outcomes: list[bytes] = SCRIPTS.write(self.redis, "repository/destroy", keys, args)
        return outcomes

    def _send(
        self, mode: str, known: Sequence[KnownIndex], sent: Sequence[Sent | DataError]
    ) -> list[Any]:
        """Run the script for those writes that have arguments, and return its reply."""
        keys = [self._indexing.set, self._indexing.states]
        args: list[Argument] = [mode, len(known)]
        for one in known:
            args += [one.key, one.kind]
        for each in sent:
            if not isinstance(each, DataError):
                keys.append(each.key)
                args += each.args
        if len(keys) == 2:
            return [b"done", []]
        found: list[Any] = SCRIPTS.write(self.redis, "repository/write", keys, args)
        return found

    def _sent(self, write: Write[R], known: Sequence[KnownIndex]) -> Sent | DataError:
        """Return the script's arguments for the document, or why it cannot be written."""
        try:
            values = self._values(write, known)
        except DataError as error:
            return error
        pairs = [part for pair in write.sent.items() for part in pair]
        id = write.id.encode(), pack_id(write.id)
        args: list[Argument] = [write.mode, write.expected, write.rev, write.version, *id]
        for part in (*values, pairs, write.removed):
            args += [len(part), *part]
        return Sent(self._indexing.key(write.id), args)

    def _values(self, write: Write[R], known: Sequence[KnownIndex]) -> list[list[bytes]]:
        """Return the document's packed values in each index."""
        try:
            return [write.values(one.index) for one in known]
        except DataError:
            if write.mode != "replace" or write.before is not None:
                raise
        # Perhaps what is stored has such a value already.
        before = parse(self.read_revision(write.id, write.expected))
        return [replace(write, before=before).values(one.index) for one in known]

    def _outcome(
        self, write: Write[R], known: Sequence[KnownIndex], outcome: list[Any]
    ) -> R | DataError:
        """Return the document as it is stored now, or the error that the outcome stands for."""
        match outcome:
            case [b"ok"]:
                self.remembered.put(write.id, write.after)
                return write.done(write.rev)
            case [b"exists"]:
                return Conflict("the id is taken", reason="exists")
            case [b"missing"]:
                self.remembered.put(write.id, None)
                return NotFound("there is no such document")
            case [b"stale", stored]:
                overtaken = Overtaken(raw_of(stored))
                self.remembered.put(write.id, overtaken.stored)
                return overtaken
            case [b"newer", bytes(version)]:
                return Newer(write.id, version)
            case [b"taken", int(number)]:
                return _taken(known[number - 1])
            case _:
                return _corrupted()


def _taken(one: KnownIndex) -> Conflict:
    """Return the error for a value of a unique index that another document has."""
    index = one.index
    message = f"another document has the same {', '.join(index.fields)}"
    if one.kind != "unique":
        message += f" in the unique index {index.name!r}, which other programs declare"
    if one.kind == "claimed":
        message += ", with a condition: declare it here too if documents may have the same value"
    return Conflict(message, reason="exists", data={"index": index.name})


def _corrupted() -> DataCorrupted:
    return DataCorrupted("a key holds another type than this pattern stores")
