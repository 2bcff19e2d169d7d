"""Declares, fills and queries the indexes of a repository in Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import replace
from secrets import token_hex
from typing import Any

from datapatterns.core.checks import check_name
from datapatterns.core.indexes import Index, entry_id, pack_id
from datapatterns.core.tuples import AFTER, unpack
from datapatterns.errors import Conflict, Unavailable
from datapatterns.redis._async.lua import SCRIPTS
from datapatterns.redis.hashes import (
    IndexState,
    Raw,
    index_key,
    parse,
    raw_of,
    revision,
    values_of,
)
from datapatterns.redis.keys import Keys
from datapatterns.redis.wire._async.commands import read
from datapatterns.redis.wire._async.pools import AsyncRedisClient

_STEP = 500  # documents that one step of filling looks at
_FORGET = 5_000  # entries that one step of forgetting removes
TRIES = 5  # attempts before an index that is never ready is an error

_READY, _INCOMPLETE, _MISSED = 0, 1, 2


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
        self.names = {name: index_key(index) for name, index in indexes.items()}

    async def ask(self, script: str, index: str, *args: bytes | str | int) -> list[Any]:
        """Return what the script finds in the index; first fill the index if it asks for that."""
        keys, name, mode = [self.set, self.states], self.names[index], "strict"
        for _ in range(TRIES):
            found: list[Any]
            status, *found = await SCRIPTS.read(self.redis, script, keys, [name, mode, *args])
            if status == _READY:
                return found
            if status == _INCOMPLETE:
                await self.prepare()
            else:
                await self._catch_up(self.indexes[index])
                mode = "lax"  # marks left since then belong to later writes
        raise Unavailable(
            "other programs remove an index again and again; declare it in all of them"
        )

    async def prepare(self) -> None:
        """Fill the indexes; raise Unavailable if the repository was made with `ensure=False`."""
        if not self._ensure:
            raise Unavailable("an index is not complete: call ensure() first")
        await self.ensure()

    async def ensure(self) -> None:
        """Declare the indexes and fill those that are not complete."""
        for index, state in (await self._declare()).items():
            if not state.complete:
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
        for name in self.names.values():
            args += [name, bytes(IndexState(token_hex(8)))]
        found = await SCRIPTS.write(self.redis, "repository/declare", [self.states], args)
        return {name: IndexState.of(text) for name, text in zip(self.names, found, strict=True)}

    async def _forget_undeclared(self) -> None:
        keys = [self.set, self.states]
        for name in await read(self.redis, "HKEYS", self.states):
            if name not in self.names.values():
                while await SCRIPTS.write(self.redis, "repository/forget", keys, [name, _FORGET]):
                    pass

    async def _fill(self, index: Index, state: IndexState) -> AsyncIterator[int]:
        """Index the documents from the state's `at` on; yield how many each step looked at."""
        while state.at is not None:
            first = b"[d" + state.at
            rows = await read(
                self.redis, "ZRANGEBYLEX", self.set, first, b"(d" + AFTER, "LIMIT", 0, _STEP
            )
            ids = [row[1:].decode() for row in rows]
            if len(rows) < _STEP:
                state = replace(state, complete=True, at=None)
            else:
                state = replace(state, at=rows[-1][1:] + b"\x00")
            changed = await self._index(index, ids, state.token, bytes(state))
            if changed is None:
                return  # another program has removed it: the next query declares it again
            yield len(ids)

    async def _sweep(self, index: Index) -> None:
        """Remove the entries of documents whose hash another program has deleted."""
        base = b"e" + self.names[index.name]
        at, last = b"[" + base, b"(" + base + AFTER
        while True:
            rows = await read(self.redis, "ZRANGEBYLEX", self.set, at, last, "LIMIT", 0, _STEP)
            keys = [self.key(entry_id(row[len(base) :])) for row in rows]
            await SCRIPTS.write(self.redis, "repository/sweep", [self.set, *keys], rows)
            if len(rows) < _STEP:
                return
            at = b"(" + rows[-1]

    async def _catch_up(self, index: Index) -> None:
        """Index the marked documents; again, up to TRIES times, those that change meanwhile."""
        base = b"m" + self.names[index.name]
        at = b"[" + base
        state = IndexState.of((await self._state(index)) or bytes(IndexState("")))
        while True:
            last = b"(" + base + AFTER
            rows = await read(self.redis, "ZRANGEBYLEX", self.set, at, last, "LIMIT", 0, _STEP)
            ids = [unpack(row[len(base) :])[0] for row in rows]
            for _ in range(TRIES):
                if not await self._index(index, ids, state.token, b""):
                    break
            if len(rows) < _STEP:
                return
            at = b"(" + rows[-1]

    async def _state(self, index: Index) -> bytes | None:
        found: bytes | None = await read(self.redis, "HGET", self.states, self.names[index.name])
        return found

    async def _index(self, index: Index, ids: list[str], token: str, state: bytes) -> int | None:
        """Write the entries of these documents, and the next state of the index unless it is empty.

        Return how many of the documents had changed since they were read, which have to be indexed
        again; or None, having changed nothing, if the index has another token by now.
        """
        name, unique = self.names[index.name], "1" if index.unique else ""
        args: list[bytes | str] = [name, unique, token, state]
        for id, raw in zip(ids, await self.read_many(ids), strict=True):
            rev = "" if raw is None else revision(raw)
            values = b"" if raw is None else values_of(index, parse(raw))
            args += [id.encode(), pack_id(id), rev, values]
        keys = [self.set, self.states, *map(self.key, ids)]
        outcome, *rest = await SCRIPTS.write(self.redis, "repository/fill", keys, args)
        if outcome == b"taken":
            message = f"two documents have the same {', '.join(index.fields)}"
            raise Conflict(message, reason="exists", data={"index": index.name})
        return int(rest[0]) if outcome == b"ok" else None

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
