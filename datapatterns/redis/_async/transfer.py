"""Reads and adds everything in a namespace of Redis for `migrate`; the keys say what there is."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from datapatterns.core.codecs import dumps, loads
from datapatterns.core.records import (
    DEDUP,
    HISTORY,
    KINDS,
    LEASES,
    LIMITS,
    ONCE,
    OPERATIONS,
    REQUESTS,
    Batch,
    Inventory,
    Record,
    Unit,
)
from datapatterns.core.tuples import AFTER
from datapatterns.errors import Forbidden
from datapatterns.redis._async.lua import SCRIPTS
from datapatterns.redis._async.records import records_of
from datapatterns.redis._async.scanning import all_keys, ask, names_of
from datapatterns.redis.keys import DEFAULT_NAMESPACE, Keys, escape
from datapatterns.redis.wire._async.commands import read, write
from datapatterns.redis.wire._async.pools import AsyncRedisClient, pools_of

# What is not carried over, by its pattern, or by its pattern and the first part of its key.
_LEFT = {
    ("limiter",): LIMITS,
    ("concurrency",): LEASES,
    ("emitter",): HISTORY,
    ("counter", "op"): OPERATIONS,
    ("calendar", "op"): OPERATIONS,
    ("work_queue", "once"): ONCE,
    ("work_queue", "dedup"): DEDUP,
    ("work_queue", "seat"): REQUESTS,
}


class AsyncTransfer:
    """Everything in a namespace, as records.

    SCAN finds the names, on every primary of a cluster. Counters, calendar counters, groups,
    players and items are read with cursors (SCAN, HSCAN, SSCAN): what exists all the time comes at
    least once, and an interrupted unit begins again. Documents come in the order of their ids. A
    script adds the records and leaves those that exist unchanged: after OutcomeUnknown, `add` may
    be called again.
    """

    kinds = frozenset(KINDS)

    def __init__(
        self, client: AsyncRedisClient, *, namespace: str = DEFAULT_NAMESPACE, address: str
    ) -> None:
        self.redis = client
        self.address = f"{address}#{namespace}"
        self._namespace = namespace
        self._progress = Keys.of(namespace, "migration", "progress")("note")

    async def identity(self) -> str:
        """Return the ids of the servers, the database and the namespace, or the address instead."""
        try:
            replies = [await ask(pool, "INFO", "server") for pool in await pools_of(self.redis)]
        except Forbidden:
            return self.address
        ids = sorted(re.findall(r"run_id:(\w+)", b"".join(replies).decode(errors="replace")))
        pool: Any = getattr(self.redis, "connection_pool", None)
        database = pool.connection_kwargs.get("db") or 0 if pool is not None else 0
        return f"redis:{','.join(ids)}/{database}#{self._namespace}"

    async def inventory(self) -> Inventory:
        """Return the units with their counts, and what is not carried over."""
        found, documents, queues, boards = Inventory(), dict[str, int](), set[str](), set[str]()
        async for keys in all_keys(self.redis, b"{%b:" % escape(self._namespace), b""):
            sets: list[bytes] = []
            for key in keys:
                match names_of(key):
                    case [_, "counter", _], ["value"]:
                        found.count(Unit("counter"))
                    case [_, "calendar", _, _], ["all"]:
                        found.count(Unit("calendar_counter"))
                    case [_, "groups", _], ["members", _]:
                        sets.append(key)
                    case [_, "leaderboard", name], ["scores"]:
                        boards.add(name)
                    case [_, "work_queue", name], ["jobs"]:
                        queues.add(name)
                    case [_, "repository", name], ["doc", _]:
                        documents[name] = documents.get(name, 0) + 1
                    case tag, parts:
                        _leave(found, tag, parts)
            await self._count_groups(found, sets)
        await self._count_named(found, documents, queues, boards)
        return found

    async def _count_groups(self, found: Inventory, sets: list[bytes]) -> None:
        for tag, some in groupby(sorted(sets), key=lambda key: key.partition(b"}")[0]):
            size = int(await SCRIPTS.read(self.redis, "transfer/sizes", list(some)))
            found.count(Unit("groups", names_of(tag + b"}:")[0][2]), size)

    async def _count_named(
        self, found: Inventory, documents: dict[str, int], queues: set[str], boards: set[str]
    ) -> None:
        for name in boards:
            scores = Keys.of(self._namespace, "leaderboard", name)("scores")
            found.count(Unit("leaderboard", name), int(await read(self.redis, "ZCARD", scores)))
        for name in queues:
            keys = Keys.of(self._namespace, "work_queue", name)
            parts = [keys(part) for part in ("jobs", "ready", "delayed", "leases", "dead")]
            *items, requeued = await SCRIPTS.read(self.redis, "work_queue/stats", parts)
            paused = await read(self.redis, "HEXISTS", keys("jobs"), "m:paused")
            found.count(Unit("work_queue", name), sum(items) + bool(requeued or paused))
        for name, count in documents.items():
            index = Keys.of(self._namespace, "repository", name)("index")
            known = int(await read(self.redis, "ZLEXCOUNT", index, b"[d", b"(d" + AFTER))
            found.count(Unit("repository", name), known)
            found.leave(f"documents of {name!r} that its list does not have", max(0, count - known))

    def export(self, unit: Unit, after: str | None = None) -> AsyncIterator[Batch]:
        """Iterate over the unit's records behind a position, in batches."""
        return records_of(self.redis, self._namespace, unit).rows(after)

    async def find(self, unit: Unit, ids: Sequence[tuple[str, ...]]) -> list[Record | None]:
        """Return the records of these ids, None for each one that is missing."""
        return await records_of(self.redis, self._namespace, unit).find(ids) if ids else []

    async def add(self, unit: Unit, records: Sequence[Record]) -> int:
        """Store the records whose ids are not stored yet and return how many there were."""
        return await records_of(self.redis, self._namespace, unit).add(records) if records else 0

    async def progress(self) -> dict[str, Any] | None:
        """Return the noted progress, or None."""
        noted = await read(self.redis, "GET", self._progress)
        return None if noted is None else loads(noted)

    async def note(self, progress: Mapping[str, Any] | None) -> None:
        """Note the progress of the migration; with None, remove the note."""
        if progress is None:
            await write(self.redis, "DEL", self._progress, key=self._progress)
        else:
            command = "SET", self._progress, dumps(progress)
            await write(self.redis, *command, key=self._progress)


# Keys that need no mention: the other side makes them anew, or they hold the note of this module.
_OWN = {
    "calendar": {"days", "hours"},
    "groups": {"groups"},
    "leaderboard": {"orders", "sequence"},
    "work_queue": {"ready", "delayed", "leases", "dead", "wake"},
    "repository": {"index", "indexes"},
    "migration": {"note"},
}


def _leave(found: Inventory, tag: list[str], parts: list[str]) -> None:
    """Note what is not carried over, unless it belongs to something that is."""
    pattern = tag[1] if len(tag) > 1 else ""
    what = _LEFT.get((pattern, parts[0])) or _LEFT.get((pattern,))
    if what is None and parts[0] not in _OWN.get(pattern, ()):
        what = f"keys `…:{parts[0]}` of the pattern {pattern!r}"
    if what is not None:
        found.leave(what)
