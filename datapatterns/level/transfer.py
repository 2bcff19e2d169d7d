"""All there is in a namespace of LevelDB, for `migrate`: found by the layout of the keys."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any
from urllib.parse import unquote_to_bytes

from datapatterns import tuples
from datapatterns.codecs import dumps, loads
from datapatterns.level.carriers import View, carrier
from datapatterns.level.driver import Database, DriverReader, scan_keys
from datapatterns.level.keys import upper_bound
from datapatterns.level.space import HasSpace
from datapatterns.level.transaction import Transaction
from datapatterns.transfers import (
    CHECKPOINTS,
    DEAD_CHANGES,
    KINDS,
    LEASES,
    LIMITS,
    LOGS,
    ONCE,
    OPERATIONS,
    Batch,
    Inventory,
    Kind,
    Record,
    Unit,
)

_RECORDS = 500  # in one batch
_BYTES = 4_000_000  # in one batch, about

# What stays behind, by its sublevel.
_LEFT = {
    b"$counted": OPERATIONS,
    b"$calendar-ops": OPERATIONS,
    b"$limits": LIMITS,
    b"$places": LEASES,
    b"$changes": LOGS,
    b"$checkpoints": CHECKPOINTS,
    b"$dead": DEAD_CHANGES,
}
_NESTED: dict[bytes, Kind] = {
    b"$groups": "groups",
    b"$leaderboards": "leaderboard",
    b"$queues": "work_queue",
}
# What is made anew on the other side, or belongs to this one only.
_OWN = (b"$index", b"$deleted", b"$meta", b"$ttl", b"$migration")


class _Survey:
    """Walks over a namespace: from sublevel to sublevel, and over the keys that are counted."""

    def __init__(self, reader: DriverReader, prefix: bytes) -> None:
        self._reader, self._prefix = reader, prefix
        self.found = Inventory()

    def run(self) -> Inventory:
        """Look at everything."""
        tops = list(self._sublevels(self._prefix))
        collections = {
            name.partition(b".")[0]
            for own in (b"$changes", b"$index", b"$deleted", b"$meta")
            if own in tops
            for name in self._sublevels(self._within(own))
        }
        for name in tops:
            if name.startswith(b"$"):
                self._look_at_own(name)
            elif name not in collections:
                what = f"sublevel {_shown(name)!r} (plain keys, or another namespace)"
                self.found.leave(what, self._keys(self._within(name)))
        for name in collections:
            self.found.count(Unit("repository", _shown(name)), self._keys(self._within(name)))
        self.found.leave("plain keys", self._plain())
        return self.found

    def _look_at_own(self, name: bytes) -> None:
        prefix = self._within(name)
        if name == b"$counters":
            self.found.count(Unit("counter"), self._keys(prefix))
        elif name == b"$calendars":
            keys = scan_keys(self._reader, prefix, upper_bound(prefix))
            subjects = groupby(tuples.unpack(key[len(prefix) :])[:2] for key in keys)
            self.found.count(Unit("calendar_counter"), sum(1 for _ in subjects))
        elif name in _NESTED:
            for inner in self._sublevels(prefix):
                self._look_at_named(_NESTED[name], inner, b"%b!%b!" % (prefix, inner))
        elif name not in _OWN:
            self.found.leave(_LEFT.get(name, _shown(name)), self._keys(prefix))

    def _look_at_named(self, kind: Kind, name: bytes, prefix: bytes) -> None:
        unit = Unit(kind, _shown(name))
        if kind == "work_queue":
            self.found.count(unit, self._keys(prefix + b"!job!"))
            facts = [prefix + b"!fact!" + fact for fact in (b"paused", b"requeued")]
            self.found.count(unit, any(self._has(fact) for fact in facts))
            self.found.leave(ONCE, self._keys(prefix + b"!once!"))
        else:
            first = prefix + tuples.pack((0,))
            self.found.count(unit, self._keys(first, first + tuples.AFTER))

    def _within(self, name: bytes) -> bytes:
        return b"%b!%b!" % (self._prefix, name)

    def _has(self, key: bytes) -> bool:
        return self._reader.get(key, verify_checksums=True) is not None

    def _keys(self, prefix: bytes, end: bytes | None = None) -> int:
        return sum(1 for _ in scan_keys(self._reader, prefix, end or upper_bound(prefix)))

    def _sublevels(self, prefix: bytes) -> Iterator[bytes]:
        """The names of the sublevels right below the prefix: one seek for each."""
        at, end = prefix + b"!", prefix + b'"'
        while (key := next(scan_keys(self._reader, at, end), None)) is not None:
            name, closed, _ = key[len(prefix) + 1 :].partition(b"!")
            if closed:
                yield name
                at = b'%b!%b"' % (prefix, name)
            else:
                at = key + b"\x00"

    def _plain(self) -> int:
        """How many keys are in no sublevel."""
        prefix = self._prefix
        before = self._keys(prefix, prefix + b"!")
        end = upper_bound(prefix) if prefix else None
        return before + sum(1 for _ in scan_keys(self._reader, prefix + b'"', end))


def _shown(name: bytes) -> str:
    return unquote_to_bytes(name).decode(errors="replace")


class _Transfer:
    """What both faces are made of."""

    kinds = frozenset(KINDS)

    def __init__(self, client: HasSpace) -> None:
        self._space = client.space
        self._progress = self._space.within("$migration").prefix + b"progress"

    @property
    def address(self) -> str:
        """The directory's real path and the sublevel."""
        return f"level:{self._space.engine.path}#{self._space.prefix.decode(errors='replace')}"

    def _survey(self, database: Database) -> Inventory:
        snapshot = database.snapshot()
        try:
            return _Survey(snapshot, self._space.prefix).run()
        finally:
            snapshot.close()

    def _batch(self, unit: Unit, after: str | None) -> Callable[[Database], Batch]:
        """Some records from there on; their last position is None behind the last one."""
        start = b"" if after is None else bytes.fromhex(after)
        records: list[Record] = []

        def work(database: Database) -> Batch:
            size = 0
            for position, record in carrier(self._space, unit).rows(View.of(database), start):
                records.append(record)
                size += len(repr(record.data))
                if len(records) >= _RECORDS or size > _BYTES:
                    return Batch(records, position.hex())
            return Batch(records)

        return work

    def _find(
        self, unit: Unit, ids: Sequence[tuple[str, ...]]
    ) -> Callable[[Database], list[Record | None]]:
        def work(database: Database) -> list[Record | None]:
            view, one = View.of(database), carrier(self._space, unit)
            return [one.find(view, id) for id in ids]

        return work

    def _add(self, unit: Unit, records: Sequence[Record]) -> Callable[[Transaction], int]:
        one = carrier(self._space, unit)
        return lambda transaction: sum(one.add(transaction, record) for record in records)

    def _noted(self, database: Database) -> dict[str, Any] | None:
        stored = database.get(self._progress, verify_checksums=True)
        return None if stored is None else loads(stored)

    def _note(self, progress: Mapping[str, Any] | None) -> Callable[[Transaction], None]:
        value = None if progress is None else dumps(progress)
        return lambda transaction: transaction.store(self._progress, value)


class Transfer(_Transfer):
    """Everything in a level, or in a sublevel of one, as records; see `AsyncTransfer` there.

    Names are found by going from sublevel to sublevel, one seek each. A batch is read in one step,
    in the order of the keys, so that it can be gone on behind it; records are added in one batch,
    so that each is there whole. Collections are those that have a change log, a head or an index:
    plain keys put into a sublevel by hand belong to nobody who could tell what they are.
    """

    def identity(self) -> str:
        """Return where it is: a directory has one engine in one process."""
        return self.address

    def inventory(self) -> Inventory:
        """Return the units with their counts, and what cannot be carried."""
        return self._space.read(self._survey)

    def export(self, unit: Unit, after: str | None = None) -> Iterator[Batch]:
        """Iterate over the unit's records, in the order of the keys."""
        while True:
            batch = self._space.read(self._batch(unit, after))
            yield batch
            if (after := batch.after) is None:
                return

    def find(self, unit: Unit, ids: Sequence[tuple[str, ...]]) -> list[Record | None]:
        """Return the records of these ids."""
        return self._space.read(self._find(unit, ids))

    def add(self, unit: Unit, records: Sequence[Record]) -> int:
        """Store those that are not there, in one batch; return how many."""
        return self._space.write(self._add(unit, records))

    def progress(self) -> dict[str, Any] | None:
        """Return what was noted."""
        return self._space.read(self._noted)

    def note(self, progress: Mapping[str, Any] | None) -> None:
        """Note how far the migration is, once all before it is on the disk."""
        self._space.write(self._note(progress), sync=True)


class AsyncTransfer(_Transfer):
    """`Transfer` for asyncio: the same methods, awaited."""

    async def identity(self) -> str:
        """Return where it is: a directory has one engine in one process."""
        return self.address

    async def inventory(self) -> Inventory:
        """Return the units with their counts, and what cannot be carried."""
        return await self._space.read_in_lane(self._survey)

    async def export(self, unit: Unit, after: str | None = None) -> AsyncIterator[Batch]:
        """Iterate over the unit's records, in the order of the keys."""
        while True:
            batch = await self._space.read_in_lane(self._batch(unit, after))
            yield batch
            if (after := batch.after) is None:
                return

    async def find(self, unit: Unit, ids: Sequence[tuple[str, ...]]) -> list[Record | None]:
        """Return the records of these ids."""
        return await self._space.read_in_lane(self._find(unit, ids))

    async def add(self, unit: Unit, records: Sequence[Record]) -> int:
        """Store those that are not there, in one batch; return how many."""
        return await self._space.write_in_lane(self._add(unit, records))

    async def progress(self) -> dict[str, Any] | None:
        """Return what was noted."""
        return await self._space.read_in_lane(self._noted)

    async def note(self, progress: Mapping[str, Any] | None) -> None:
        """Note how far the migration is, once all before it is on the disk."""
        await self._space.write_in_lane(self._note(progress), sync=True)
