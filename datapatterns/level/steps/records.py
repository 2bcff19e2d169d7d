"""What LevelDB stores of each kind as records, and back: one class a kind, for `Transfer`.

`rows` reads from behind a position on and gives each record with its position, `find` reads one
record, and `add` stores one unless it is there. All of them are steps of a reader or a writer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Protocol

from datapatterns.core import tuples
from datapatterns.core.checks import escape
from datapatterns.core.codecs import dumps
from datapatterns.core.counter import stored_count
from datapatterns.core.records import FACTS, Kind, Record, Unit
from datapatterns.errors import DataCorrupted
from datapatterns.level.engine.keys import own_prefix, upper_bound
from datapatterns.level.engine.readers import Reader, Writer
from datapatterns.level.engine.space import BaseSpace
from datapatterns.level.steps.collection import Collection
from datapatterns.level.steps.expiry import NEVER, Expiring, now
from datapatterns.level.steps.groups import GroupsSteps
from datapatterns.level.steps.leaderboard import LeaderboardSteps
from datapatterns.level.steps.queue_keys import StoredItem
from datapatterns.level.steps.reindexing import forget_undeclared
from datapatterns.level.steps.stored_form import split
from datapatterns.level.steps.work_queue import WorkQueueSteps

Row = tuple[bytes, Record]


class Records(Protocol):
    """The records of one unit."""

    def rows(self, reader: Reader, after: bytes) -> Iterator[Row]:
        """Iterate over the records behind that position, each with its own."""
        ...

    def find(self, reader: Reader, id: tuple[str, ...]) -> Record | None:
        """Return the record of that id, or None if it does not exist."""
        ...

    def add(self, writer: Writer, record: Record) -> bool:
        """Store the record and return True, unless there is one of its id."""
        ...


class CounterRecords:
    """The counters of a namespace: `!$counters!<name>` -> the number."""

    def __init__(self, space: BaseSpace, name: str) -> None:
        self._prefix = space.prefix + own_prefix("$counters")

    def rows(self, reader: Reader, after: bytes) -> Iterator[Row]:
        """Iterate over the counters by name."""
        start = self._prefix + (after + b"\x00" if after else b"")
        for key, value in reader.items(start, upper_bound(self._prefix)):
            name = key[len(self._prefix) :]
            yield name, Record((_text(name),), stored_count(value))

    def find(self, reader: Reader, id: tuple[str, ...]) -> Record | None:
        """Return the counter of that name."""
        value = reader.get(self._prefix + id[0].encode())
        return None if value is None else Record(id, stored_count(value))

    def add(self, writer: Writer, record: Record) -> bool:
        """Store the counter."""
        key = self._prefix + record.id[0].encode()
        if writer.get(key) is not None:
            return False
        writer.store(key, b"%d" % record.data)
        return True


class CalendarRecords:
    """`!$calendars!` + tuple(name, subject, bucket) -> tuple(end, number): a record a subject."""

    def __init__(self, space: BaseSpace, name: str) -> None:
        self._prefix = space.prefix + own_prefix("$calendars")
        self._counts = Expiring(space.prefix, self._prefix)

    def rows(self, reader: Reader, after: bytes) -> Iterator[Row]:
        """Iterate over the subjects of all calendar counters."""
        start = self._prefix + (after + tuples.AFTER if after else b"")
        rows = (
            (tuples.unpack(key[len(self._prefix) :]), value)
            for key, value in reader.items(start, upper_bound(self._prefix))
        )
        for id, group in groupby(rows, key=lambda row: row[0][:2]):
            record = _calendar(id, ((key[2], value) for key, value in group))
            if record is not None:
                yield tuples.pack(id), record

    def find(self, reader: Reader, id: tuple[str, ...]) -> Record | None:
        """Return everything that is counted for the subject."""
        prefix = self._prefix + tuples.pack(id)
        rows = reader.items(prefix, prefix + tuples.AFTER)
        return _calendar(id, ((tuples.unpack(key[len(prefix) :])[0], value) for key, value in rows))

    def add(self, writer: Writer, record: Record) -> bool:
        """Store all counts of the subject."""
        if self.find(writer, record.id) is not None:
            return False
        clock = now()
        ends: dict[str, int] = record.hints or {}
        for bucket, value in record.data.items():
            key = tuples.pack((*record.id, bucket))
            self._counts.put(writer, key, b"%d" % value, clock, ends.get(bucket, NEVER))
        return True


def _calendar(id: tuple[str, ...], rows: Iterator[tuple[str, bytes]]) -> Record | None:
    """Return a record of the counts that are still kept, or None if there are none."""
    counts: dict[str, int] = {}
    ends: dict[str, int] = {}
    clock = now()
    for key, value in rows:
        end, count = tuples.unpack(value)
        if end == NEVER or end > clock:
            counts[key] = stored_count(count)
            if end != NEVER:
                ends[key] = end
    return Record(id, counts, ends) if counts else None


class GroupRecords:
    """The memberships of all groups of one name."""

    def __init__(self, space: BaseSpace, name: str) -> None:
        self._steps = GroupsSteps(space.prefix, name)

    def rows(self, reader: Reader, after: bytes) -> Iterator[Row]:
        """Iterate over the members of each group."""
        first = self._steps.memberships
        start = first + (after + b"\x00" if after else b"")
        for key in reader.keys(start, first + tuples.AFTER):
            at = key[len(first) :]
            yield at, Record(tuples.unpack(at), True)

    def find(self, reader: Reader, id: tuple[str, ...]) -> Record | None:
        """Return whether the member is in the group, as a record or None."""
        group, member = id
        return Record(id, True) if self._steps.contains(reader, group, member) else None

    def add(self, writer: Writer, record: Record) -> bool:
        """Put the member into the group."""
        group, member = record.id
        return self._steps.add(writer, group, [member]) == 1


class LeaderboardRecords:
    """The players of one leaderboard, with their scores and numbers."""

    def __init__(self, space: BaseSpace, name: str) -> None:
        self._steps = LeaderboardSteps(space.prefix, name)

    def rows(self, reader: Reader, after: bytes) -> Iterator[Row]:
        """Iterate over the players by rank."""
        first = self._steps.ranking
        start = first + (after + b"\x00" if after else b"")
        for key in reader.keys(start, first + tuples.AFTER):
            at = key[len(first) :]
            score, order, player = tuples.unpack(at)
            yield at, Record((player,), [0.0 - score, order])

    def find(self, reader: Reader, id: tuple[str, ...]) -> Record | None:
        """Return the player's score and number."""
        found = self._steps.find(reader, id[0])
        return None if found is None else Record(id, list(found))

    def add(self, writer: Writer, record: Record) -> bool:
        """Give the player that score and number."""
        [player], (score, order) = record.id, record.data
        if self._steps.find(writer, player) is not None:
            return False
        self._steps.restore(writer, player, float(score), order)
        return True


class QueueRecords:
    """The items of a work queue, whatever their state, and before them the facts of the queue."""

    def __init__(self, space: BaseSpace, name: str) -> None:
        self._steps = WorkQueueSteps(space.prefix, name, space.engine.shared)
        self._keys = self._steps.keys

    def rows(self, reader: Reader, after: bytes) -> Iterator[Row]:
        """Iterate over the facts, then the items by id."""
        prefix = self._keys.items
        if not after and (facts := self._facts(reader)) is not None:
            yield b"", facts
        due = self._due(reader)
        start = prefix + (after + b"\x00" if after else b"")
        for key, value in reader.items(start, upper_bound(prefix)):
            id = key[len(prefix) :]
            yield id, self._record(reader, _text(id), value, due)

    def find(self, reader: Reader, id: tuple[str, ...]) -> Record | None:
        """Return the item of that id, or the facts."""
        if id == FACTS:
            return self._facts(reader)
        stored = reader.get(self._keys.item(id[0]))
        return None if stored is None else self._record(reader, id[0], stored, self._due(reader))

    def add(self, writer: Writer, record: Record) -> bool:
        """Queue the item in its order, or bury it; the queue's memory follows."""
        if self.find(writer, record.id) is not None:
            return False
        self._steps.restore(writer, record)
        return True

    def _due(self, reader: Reader) -> int:
        return max(now(), int(reader.get(self._keys.stamp) or 0))

    def _facts(self, reader: Reader) -> Record | None:
        paused = reader.get(self._keys.paused) is not None
        requeued = int(reader.get(self._keys.requeued) or 0)
        data = {"paused": paused, "requeued": requeued}
        return Record(FACTS, data) if paused or requeued else None

    def _record(self, reader: Reader, id: str, stored: bytes, due: int) -> Record:
        """Return the record; a leased item counts as ready, with at least one attempt left."""
        item, leased = StoredItem.unpack(stored), False
        dead = reader.get(self._keys.letter(item.available, id)) is not None
        attempts = item.attempts
        if item.token and not dead:
            leased, attempts = True, min(item.attempts, max(item.most - 1, 0))
        data = {
            "item": _text(item.data),
            "attempts": attempts,
            "most": item.most,
            "pushed": item.pushed,
            "priority": -item.rank,
            "at": item.available,
            "error": _text(reader.get(self._keys.error(id)) or b""),
            "dead": dead,
        }
        return Record((id,), data, {"ready": not dead and (leased or item.available <= due)})


class DocumentRecords:
    """`!<name>!<id>`, JSON objects. They get new revisions; their indexes are filled later."""

    def __init__(self, space: BaseSpace, name: str) -> None:
        self._space, self._name = space, name
        self._prefix = space.prefix + own_prefix(escape(name))
        self._prepared = False

    def rows(self, reader: Reader, after: bytes) -> Iterator[Row]:
        """Iterate over the documents by id."""
        start = self._prefix + (after + b"\x00" if after else b"")
        for key, value in reader.items(start, upper_bound(self._prefix)):
            id = key[len(self._prefix) :]
            yield id, Record((_text(id),), split(value)[1])

    def find(self, reader: Reader, id: tuple[str, ...]) -> Record | None:
        """Return the document of that id."""
        value = reader.get(self._prefix + id[0].encode())
        return None if value is None else Record(id, split(value)[1])

    def add(self, writer: Writer, record: Record) -> bool:
        """Store the document with a change of its own."""
        key = self._prefix + record.id[0].encode()
        if writer.get(key) is not None:
            return False
        if not self._prepared:
            # Indexes that this process does not declare would miss the document. Whoever declares
            # them fills them again.
            forget_undeclared(writer, Collection.of(self._space, self._name))
            self._prepared = True
        writer.put(key, dumps(record.data), fields=record.data, before=None)
        return True


_KINDS: dict[Kind, Callable[[BaseSpace, str], Records]] = {
    "counter": CounterRecords,
    "calendar_counter": CalendarRecords,
    "groups": GroupRecords,
    "leaderboard": LeaderboardRecords,
    "work_queue": QueueRecords,
    "repository": DocumentRecords,
}


def records_of(space: BaseSpace, unit: Unit) -> Records:
    """Return the records of the unit."""
    return _KINDS[unit.kind](space, unit.name)


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise DataCorrupted("a stored name or item is not UTF-8") from error
