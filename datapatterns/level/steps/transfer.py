"""The steps of a migration: find everything in a namespace by the layout of its keys, carry it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any
from urllib.parse import unquote_to_bytes

from datapatterns.core import tuples
from datapatterns.core.codecs import dumps, loads
from datapatterns.core.records import (
    CHECKPOINTS,
    DEAD_CHANGES,
    DEDUP,
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
from datapatterns.level.engine.keys import own_prefix, upper_bound
from datapatterns.level.engine.readers import Reader, Writer
from datapatterns.level.engine.space import BaseSpace
from datapatterns.level.steps.records import Records, records_of

_RECORDS = 500  # in one batch
_BYTES = 4_000_000  # in one batch, about

# What stays behind in each sublevel.
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
# What the target makes anew, or what belongs to this directory only.
_OWN = (b"$index", b"$deleted", b"$meta", b"$ttl", b"$migration")


class _Survey:
    """Walks over a namespace: from sublevel to sublevel, and over the keys to count."""

    def __init__(self, reader: Reader, prefix: bytes) -> None:
        self._reader, self._prefix = reader, prefix
        self.found = Inventory()

    def run(self) -> Inventory:
        """Look at everything and return what was found."""
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
            keys = self._reader.keys(prefix, upper_bound(prefix))
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
            self.found.leave(DEDUP, self._keys(prefix + b"!dedup!"))
        else:
            first = prefix + tuples.pack((0,))
            self.found.count(unit, self._keys(first, first + tuples.AFTER))

    def _within(self, name: bytes) -> bytes:
        return b"%b!%b!" % (self._prefix, name)

    def _has(self, key: bytes) -> bool:
        return self._reader.get(key) is not None

    def _keys(self, prefix: bytes, end: bytes | None = None) -> int:
        return sum(1 for _ in self._reader.keys(prefix, end or upper_bound(prefix)))

    def _sublevels(self, prefix: bytes) -> Iterator[bytes]:
        """Iterate over the names of the sublevels right below the prefix, one seek each."""
        at, end = prefix + b"!", prefix + b'"'
        while (key := next(self._reader.keys(at, end), None)) is not None:
            name, closed, _ = key[len(prefix) + 1 :].partition(b"!")
            if closed:
                yield name
                at = b'%b!%b"' % (prefix, name)
            else:
                at = key + b"\x00"

    def _plain(self) -> int:
        """Return how many keys are in no sublevel."""
        prefix = self._prefix
        before = self._keys(prefix, prefix + b"!")
        end = upper_bound(prefix) if prefix else None
        return before + sum(1 for _ in self._reader.keys(prefix + b'"', end))


def _shown(name: bytes) -> str:
    return unquote_to_bytes(name).decode(errors="replace")


class TransferSteps:
    """The steps of a migration into or out of one namespace.

    `!$migration!progress` holds how far a migration into it is.
    """

    def __init__(self, space: BaseSpace) -> None:
        self._space = space
        self._progress = space.prefix + own_prefix("$migration") + b"progress"

    def inventory(self, reader: Reader) -> Inventory:
        """Return the units with their counts, and what cannot be carried."""
        return _Survey(reader, self._space.prefix).run()

    def batch(self, reader: Reader, unit: Unit, after: str | None) -> Batch:
        """Return some records from behind `after`; the last batch has None as its `after`."""
        start = b"" if after is None else bytes.fromhex(after)
        records: list[Record] = []
        size = 0
        for position, record in self._records(unit).rows(reader, start):
            records.append(record)
            size += len(repr(record.data))
            if len(records) >= _RECORDS or size > _BYTES:
                return Batch(records, position.hex())
        return Batch(records)

    def find(
        self, reader: Reader, unit: Unit, ids: Sequence[tuple[str, ...]]
    ) -> list[Record | None]:
        """Return the records of these ids in their order, None for a missing one."""
        records = self._records(unit)
        return [records.find(reader, id) for id in ids]

    def add(self, writer: Writer, unit: Unit, new: Sequence[Record]) -> int:
        """Store the records that are not there; return how many those were."""
        records = self._records(unit)
        return sum(records.add(writer, record) for record in new)

    def progress(self, reader: Reader) -> dict[str, Any] | None:
        """Return the stored progress, or None."""
        stored = reader.get(self._progress)
        return None if stored is None else loads(stored)

    def note(self, writer: Writer, progress: Mapping[str, Any] | None) -> None:
        """Store the progress of the migration; None removes it."""
        writer.store(self._progress, None if progress is None else dumps(progress))

    def _records(self, unit: Unit) -> Records:
        return records_of(self._space, unit)
