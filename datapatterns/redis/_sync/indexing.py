# Generated from datapatterns/redis/_async/indexing.py by scripts/unasync.py; do not edit.
"""Declaring, filling and asking the indexes of a repository in Redis."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from secrets import token_hex
from typing import Any

from datapatterns.errors import Conflict, Unavailable
from datapatterns.indexes import Index, entry_id
from datapatterns.names import check_name
from datapatterns.redis._sync.commands import read
from datapatterns.redis._sync.lua import SCRIPTS
from datapatterns.redis._sync.pools import RedisClient
from datapatterns.redis.hashes import (
    Note,
    Raw,
    index_key,
    packed_id,
    parse,
    raw_of,
    revision,
    values_of,
)
from datapatterns.redis.keys import Keys
from datapatterns.tuples import AFTER, unpack

_STEP = 500  # documents that are gone through in one step
_FORGET = 5_000  # entries that are removed in one step
TRIES = 5  # how often an index may be found wanting again

_READY, _INCOMPLETE, _MISSED = 0, 1, 2


class Indexing:
    """All indexes of a collection in one sorted set, and the notes on them in one hash.

    Members have score 0, so the set is in the order of their bytes: `d<id>` for each document,
    `e<index><values><id>` for each entry, and `m<index><id>` for each document that was changed by
    a writer which did not know that index ("missed"). The scripts that write keep all three.

    A new index gets a note first; from then on, writers that do not know it leave their marks.
    Then it is filled, 500 documents a step: read them, compute their entries, and write those of
    the documents whose revision is still the same. The others were changed by somebody who either
    knew the index or left a mark. The last step makes the note say "complete". Any process may go
    on where another one stopped, and several at once do no harm.

    A question to an index is one script: it answers, or says that the index is not complete, or
    that there are marks; then those few documents are looked at first.
    """

    def __init__(
        self, client: RedisClient, keys: Keys, indexes: Mapping[str, Index], *, ensure: bool
    ) -> None:
        self.redis = client
        self.set, self.notes = keys("index"), keys("indexes")
        self._keys = keys
        self._ensure = ensure
        self.mode = "strict" if ensure else "lax"  # in which a write asks for complete indexes
        self.indexes = indexes
        self.names = {name: index_key(index) for name, index in indexes.items()}

    def ask(self, script: str, index: str, *args: bytes | str | int) -> list[Any]:
        """Return what the script says of the index, after filling it where needed."""
        keys, name, mode = [self.set, self.notes], self.names[index], "strict"
        for _ in range(TRIES):
            found: list[Any]
            status, *found = SCRIPTS.read(self.redis, script, keys, [name, mode, *args])
            if status == _READY:
                return found
            if status == _INCOMPLETE:
                self.prepare()
            else:
                self._catch_up(self.indexes[index])
                mode = "lax"  # marks that were left since then are of later writes
        raise Unavailable("an index is forgotten by others again and again")

    def prepare(self) -> None:
        """Fill what is not complete, and what unaware writers have left; unless told not to."""
        if not self._ensure:
            raise Unavailable("an index is not complete: call ensure() first")
        self.ensure()

    def ensure(self) -> None:
        """Declare the indexes and fill those that are not complete."""
        for index, note in (self._declare()).items():
            if not note.complete:
                for _ in self._fill(self.indexes[index], note):
                    pass

    def catch_up(self) -> None:
        """Look at the documents that unaware writers have changed under unique indexes."""
        for index in self.indexes.values():
            if index.unique:
                self._catch_up(index)

    def reindex(self, total: int, progress: Callable[[int, int], Any] | None) -> int:
        """Go through all documents for every index, or go on with it; forget other indexes."""
        done, total = 0, total * len(self.indexes)
        self._forget_undeclared()
        for index, note in (self._declare()).items():
            begun = note if note.at is not None else replace(note, at=b"")
            for passed in self._fill(self.indexes[index], begun):
                done += passed
                if progress is not None:
                    progress(done, total)
            self._sweep(self.indexes[index])
        return done

    def _declare(self) -> dict[str, Note]:
        """Return the notes on the indexes, which are there from now on."""
        if not self.names:
            return {}
        args = [arg for name in self.names.values() for arg in (name, bytes(Note(token_hex(8))))]
        found = SCRIPTS.write(self.redis, "repository_declare", [self.notes], args)
        return {name: Note.of(note) for name, note in zip(self.names, found, strict=True)}

    def _forget_undeclared(self) -> None:
        keys = [self.set, self.notes]
        for name in read(self.redis, "HKEYS", self.notes):
            if name not in self.names.values():
                while SCRIPTS.write(self.redis, "repository_forget", keys, [name, _FORGET]):
                    pass

    def _fill(self, index: Index, note: Note) -> Iterator[int]:
        """Go through the documents from the note's place on; yield the number in each step."""
        while note.at is not None:
            first = b"[d" + note.at
            rows = read(
                self.redis, "ZRANGEBYLEX", self.set, first, b"(d" + AFTER, "LIMIT", 0, _STEP
            )
            ids = [row[1:].decode() for row in rows]
            if len(rows) < _STEP:
                note = replace(note, complete=True, at=None)
            else:
                note = replace(note, at=rows[-1][1:] + b"\x00")
            outcome = self._look_at(index, ids, note.token, bytes(note))
            if outcome is None:
                return  # others have forgotten it: whoever asks it next declares it anew
            yield len(ids)

    def _sweep(self, index: Index) -> None:
        """Remove the entries of documents that were deleted by hand."""
        base = b"e" + self.names[index.name]
        at, last = b"[" + base, b"(" + base + AFTER
        while True:
            rows = read(self.redis, "ZRANGEBYLEX", self.set, at, last, "LIMIT", 0, _STEP)
            keys = [self.key(entry_id(row[len(base) :])) for row in rows]
            SCRIPTS.write(self.redis, "repository_sweep", [self.set, *keys], rows)
            if len(rows) < _STEP:
                return
            at = b"(" + rows[-1]

    def _catch_up(self, index: Index) -> None:
        """Go through the marks there are now, and try again those that change meanwhile."""
        base = b"m" + self.names[index.name]
        at = b"[" + base
        for_all = Note.of((self._note(index)) or bytes(Note("")))
        while True:
            last = b"(" + base + AFTER
            rows = read(self.redis, "ZRANGEBYLEX", self.set, at, last, "LIMIT", 0, _STEP)
            ids = [unpack(row[len(base) :])[0] for row in rows]
            for _ in range(TRIES):
                if not self._look_at(index, ids, for_all.token, b""):
                    break
            if len(rows) < _STEP:
                return
            at = b"(" + rows[-1]

    def _note(self, index: Index) -> bytes | None:
        found: bytes | None = read(self.redis, "HGET", self.notes, self.names[index.name])
        return found

    def _look_at(self, index: Index, ids: list[str], token: str, note: bytes) -> int | None:
        """Write the entries of these documents; return how many had changed, None if forgotten."""
        args: list[bytes | str] = [self.names[index.name], "1" if index.unique else "", token, note]
        for id, raw in zip(ids, self.read_many(ids), strict=True):
            rev = "" if raw is None else revision(raw)
            values = b"" if raw is None else values_of(index, parse(raw))
            args += [id.encode(), packed_id(id), rev, values]
        keys = [self.set, self.notes, *map(self.key, ids)]
        outcome, *rest = SCRIPTS.write(self.redis, "repository_fill", keys, args)
        if outcome == b"taken":
            message = f"two documents have the same {', '.join(index.fields)}"
            raise Conflict(message, reason="exists", data={"index": index.name})
        return int(rest[0]) if outcome == b"ok" else None

    def key(self, id: str) -> bytes:
        """The key of that document."""
        return self._keys("doc", check_name("an id", id))

    def read_many(self, ids: Iterable[str]) -> list[Raw | None]:
        """Return the hashes of these documents, None where there is none."""
        keys = [self.key(id) for id in ids]
        found: list[Raw | None] = []
        for at in range(0, len(keys), _STEP):
            part = keys[at : at + _STEP]
            found += map(raw_of, SCRIPTS.read(self.redis, "repository_read", part))
        return found
