"""Declares, fills and queries the indexes of a repository in Redis."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from secrets import token_hex
from typing import Any

from datapatterns.core.checks import check_name
from datapatterns.core.indexes import Index, entry_id, pack_id
from datapatterns.core.tuples import AFTER, unpack
from datapatterns.errors import IndexNotUnique, Unavailable
from datapatterns.redis._async.lua import SCRIPTS
from datapatterns.redis.hashes import Raw, parse, raw_of, revision
from datapatterns.redis.index_states import IndexState, KnownIndex
from datapatterns.redis.keys import Keys
from datapatterns.redis.wire._async.pools import AsyncRedisClient

logger = logging.getLogger("datapatterns.indexes")

_STEP = 500  # documents that one step of filling looks at
_FORGET = 5_000  # entries that one step of forgetting removes
TRIES = 5  # attempts before an index that is never ready is an error
_FINISH = 100  # attempts to complete a unique index while other programs leave marks

_READY, _INCOMPLETE = 0, 1


class AsyncIndexing:
    """All indexes of a collection in one sorted set, and the states of the indexes in one hash.

    Members have score 0, so the set is in the order of their bytes: `d<id>` for each document,
    `e<index><values><id>` for each index entry, and `m<index><id>`, a mark, for each document that
    a writer changed without knowing that index. The scripts that write maintain all three.

    A new index is declared by storing its state; from then on, writers that do not know the index
    leave marks. Then it is filled, 500 documents a step: read the documents, compute their entries,
    and write the entries of those whose revision is still the same. The others were changed by a
    writer that either knew the index or left a mark. The last step sets the state to complete. A
    process may continue what another one began, and several may fill the same index at once.

    A query is one script: it returns the result, or says that the index is not complete, or that
    there are marks. In these cases the index is filled, or the marked documents are indexed, first.

    The state of a unique index has its definition. It becomes complete only in a step that leaves
    no mark, so that every document is in it; from then on the script refuses writes of programs
    that do not know it, and tells them the definition. They compute the entries from that and keep
    the index as those who declare it do. A condition (`where`) cannot be stored. So a program that
    does not declare the index gives each document with values an entry, as if it met the condition,
    and a mark: uniqueness holds, and those who know the condition remove superfluous entries.
    """

    def __init__(
        self, client: AsyncRedisClient, keys: Keys, indexes: Mapping[str, Index], *, ensure: bool
    ) -> None:
        self.redis = client
        self.set, self.states = keys("index"), keys("indexes")
        self._keys = keys
        self._ensure = ensure
        self.mode = "strict" if ensure else "lax"  # whether a write needs every index complete
        self.indexes = indexes
        self._own = [KnownIndex.own(index) for index in indexes.values()]
        self.names = {one.index.name: one.key for one in self._own}
        self._foreign: dict[bytes, KnownIndex] = {}  # unique indexes that others declare

    def known(self) -> list[KnownIndex]:
        """Return the indexes that a write keeps."""
        return [*self._own, *self._foreign.values()]

    def learn(self, found: Sequence[bytes]) -> None:
        """Keep, from now on, unique indexes of other programs: names and definitions in turn."""
        for key, definition in zip(found[::2], found[1::2], strict=True):
            known = KnownIndex.foreign(key, definition)
            self._foreign = {**self._foreign, key: known}  # others may iterate over the former one

    async def ask(self, script: str, index: str, *args: bytes | str | int) -> list[Any]:
        """Return what the script finds in the index; first fill the index if it asks for that."""
        keys, name, mode = [self.set, self.states], self.names[index], "strict"
        for _ in range(TRIES):
            found: list[Any]
            status, *found = await SCRIPTS.read(self.redis, script, keys, [name, mode, *args])
            if status == _READY:
                return found
            if status == _INCOMPLETE:
                await self.prepare(index)
            else:
                await self._catch_up(self.indexes[index])
                mode = "lax"  # marks left since then belong to later writes
        raise Unavailable(
            "other programs remove an index again and again; declare it in all of them"
        )

    async def prepare(self, *names: str) -> None:
        """Fill these indexes, else all; raise Unavailable if the repository has `ensure=False`."""
        if not self._ensure:
            raise Unavailable("an index is not complete: call ensure() first")
        await self.ensure(*names)

    async def ensure(self, *names: str) -> None:
        """Declare the indexes, and fill those of these names, else all, that are not complete."""
        for index, state in (await self._declare()).items():
            if not state.complete and (not names or index in names):
                async for _ in self._fill(self.indexes[index], state):
                    pass

    async def catch_up(self) -> None:
        """Index the marked documents in every unique index."""
        for index in self.indexes.values():
            if index.unique:
                await self._catch_up(index)

    async def reindex(self, total: int, progress: Callable[[int, int], Any] | None) -> int:
        """Fill every index again, or continue to; remove the indexes that are not declared here."""
        done, total = 0, total * len(self.indexes)
        await self._forget_undeclared()
        for index, state in (await self._declare()).items():
            begun = state if state.at is not None else replace(state, at=b"")
            async for passed in self._fill(self.indexes[index], begun):
                done += passed
                if progress is not None:
                    progress(done, total)
            await self._sweep(self.indexes[index])
        return done

    async def _declare(self) -> dict[str, IndexState]:
        """Store a first state for each index that has none, and return the states of all."""
        if not self.names:
            return {}
        args: list[bytes] = []
        for one in self._own:
            definition = one.index.definition() if one.index.unique else ""
            args += [one.key, bytes(IndexState(token_hex(8), definition=definition))]
        found = await SCRIPTS.write(self.redis, "repository/declare", [self.states], args)
        return {name: IndexState.of(text) for name, text in zip(self.names, found, strict=True)}

    async def _forget_undeclared(self) -> None:
        keys = [self.set, self.states]
        for name in await SCRIPTS.read(self.redis, "repository/states", [self.states]):
            if name not in self.names.values():
                while await SCRIPTS.write(self.redis, "repository/forget", keys, [name, _FORGET]):
                    pass

    async def _fill(self, index: Index, state: IndexState) -> AsyncIterator[int]:
        """Index the documents from the state's `at` on; yield how many each step looked at."""
        while state.at is not None:
            rows = await self._members(b"[d" + state.at, b"(d" + AFTER)
            ids, last = [row[1:].decode() for row in rows], len(rows) < _STEP
            if rows:
                state = replace(state, at=rows[-1][1:] + b"\x00")
            done = replace(state, complete=True, at=None)
            finishing = last and index.unique and not state.complete
            following = done if last and not finishing else state
            outcome, _ = await self._index(index, ids, state.token, bytes(following))
            if finishing and outcome == b"ok":
                outcome = await self._finish(index, done)
            if outcome == b"gone":
                return  # another program has removed it: the next query declares it again
            yield len(ids)
            if last:
                return

    async def _finish(self, index: Index, done: IndexState) -> bytes:
        """Complete a unique index in a step that leaves no document marked."""
        tries = 0
        while tries < _FINISH:
            rows = await self._members(*self._marks(index))
            ids = [unpack(row[1 + len(self.names[index.name]) :])[0] for row in rows]
            outcome, _ = await self._index(index, ids, done.token, bytes(done))
            if outcome != b"marked":
                return outcome
            tries += len(rows) < _STEP
        message = f"the unique index {index.name!r} cannot be completed while other programs write"
        raise Unavailable(f"{message} so much: declare it in all of them, or try again")

    async def _sweep(self, index: Index) -> None:
        """Remove the entries that no document lists, such as those of hashes deleted by others."""
        base = b"e" + self.names[index.name]
        at, last = b"[" + base, b"(" + base + AFTER
        while True:
            rows = await self._members(at, last)
            keys = [self.key(entry_id(row[len(base) :])) for row in rows]
            await SCRIPTS.write(self.redis, "repository/sweep", [self.set, *keys], rows)
            if len(rows) < _STEP:
                return
            at = b"(" + rows[-1]

    async def _catch_up(self, index: Index) -> None:
        """Index the marked documents; again, up to TRIES times, those that change meanwhile."""
        at, last = self._marks(index)
        [text] = await SCRIPTS.read(
            self.redis, "repository/states", [self.states], [self.names[index.name]]
        )
        token = IndexState.of(text).token if text else ""
        while True:
            rows = await self._members(at, last)
            ids = [unpack(row[1 + len(self.names[index.name]) :])[0] for row in rows]
            for _ in range(TRIES):
                _, changed = await self._index(index, ids, token, b"")
                if not changed:
                    break
            if len(rows) < _STEP:
                return
            at = b"(" + rows[-1]

    def _marks(self, index: Index) -> tuple[bytes, bytes]:
        """Return the bounds of the marks of the index."""
        base = b"m" + self.names[index.name]
        return b"[" + base, b"(" + base + AFTER

    async def _members(self, first: bytes, last: bytes) -> list[bytes]:
        """Return at most _STEP members within these bounds, as the primary has them."""
        found: list[bytes] = await SCRIPTS.read(
            self.redis, "repository/members", [self.set], [first, last, _STEP]
        )
        return found

    async def _index(
        self, index: Index, ids: Sequence[str], token: str, state: bytes
    ) -> tuple[bytes, int]:
        """Write the entries of these documents, and the next state of the index unless it is empty.

        Return b"ok", or b"marked" if it cannot be complete yet, and how many of the documents had
        changed since they were read, which have to be indexed again. Return b"gone", having changed
        nothing, if the index has another token by now.
        """
        name, unique = self.names[index.name], "1" if index.unique else ""
        args: list[bytes | str | int] = [name, unique, token, state]
        for id, raw in zip(ids, await self.read_many(ids), strict=True):
            rev = "" if raw is None else revision(raw)
            values = [] if raw is None else index.stored_values(id, parse(raw))
            args += [id.encode(), pack_id(id), rev, len(values), *values]
        keys = [self.set, self.states, *map(self.key, ids)]
        outcome, *rest = await SCRIPTS.write(self.redis, "repository/fill", keys, args)
        if outcome == b"taken":
            raise self._not_unique(index, rest[0].decode(), rest[1])
        return outcome, int(rest[0]) if rest else 0

    def _not_unique(self, index: Index, id: str, other: bytes) -> IndexNotUnique:
        """Return the error for two documents with the same values, after logging it."""
        ids = [entry_id(other[1 + len(self.names[index.name]) :]), id]
        message = (
            f"the unique index {index.name!r} cannot be filled: the documents {ids[0]!r} and"
            f" {ids[1]!r} have the same {', '.join(index.fields)}"
        )
        logger.error("%s", message)
        return IndexNotUnique(message, data={"ids": ids, "index": index.name})

    def key(self, id: str) -> bytes:
        """Return the key of that document."""
        return self._keys("doc", check_name("an id", id))

    async def read_many(self, ids: Iterable[str]) -> list[Raw | None]:
        """Return the hashes of these documents, None for each one that is missing."""
        keys = [self.key(id) for id in ids]
        found: list[Raw | None] = []
        for at in range(0, len(keys), _STEP):
            part = keys[at : at + _STEP]
            found += map(raw_of, await SCRIPTS.read(self.redis, "repository/read", part))
        return found
