"""What LevelDB stores of each kind as records, and back: one class a kind, for `Transfer`.

`rows` reads from behind a position on, and gives each record with its position; `find` reads one;
`add` stores one unless it is there. All of them are works on a view or a transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any, Protocol

from datapatterns import tuples
from datapatterns.checks import escape
from datapatterns.codecs import dumps
from datapatterns.errors import DataCorrupted
from datapatterns.level.driver import DriverReader as Reader
from datapatterns.level.driver import scan
from datapatterns.level.keys import upper_bound
from datapatterns.level.queue_state import Job, Places, QueueState
from datapatterns.level.queue_steps import Step
from datapatterns.level.space import LegacySpace as Space
from datapatterns.level.steps.collection import REVISION, Collection, parse
from datapatterns.level.steps.expiry import NEVER, Expiring, now
from datapatterns.level.steps.reindexing import forget_undeclared
from datapatterns.level.transaction import Transaction
from datapatterns.transfers import FACTS, Kind, Record, Unit

Row = tuple[bytes, Record]


@dataclass(frozen=True, slots=True)
class View:
    """What reads: the database or a transaction."""

    get: Callable[[bytes], bytes | None]
    items: Callable[[bytes, bytes], Iterator[tuple[bytes, bytes]]]

    @classmethod
    def of(cls, reader: Reader) -> View:
        """Read the database as it is."""
        return cls(
            partial(reader.get, verify_checksums=True), partial(scan, reader, fill_cache=False)
        )


class Carrier(Protocol):
    """One unit's records."""

    def rows(self, view: View, after: bytes) -> Iterator[Row]:
        """The records behind that position, each with its own."""
        ...

    def find(self, view: View, id: tuple[str, ...]) -> Record | None:
        """The record of that id."""
        ...

    def add(self, transaction: Transaction, record: Record) -> bool:
        """Store the record and return True, unless there is one of its id."""
        ...


class Counters:
    """`!$counters!<name>` -> the number."""

    def __init__(self, space: Space, name: str) -> None:
        self._prefix = space.within("$counters").prefix

    def rows(self, view: View, after: bytes) -> Iterator[Row]:
        """The counters by name."""
        start = self._prefix + (after + b"\x00" if after else b"")
        for key, value in view.items(start, upper_bound(self._prefix)):
            name = key[len(self._prefix) :]
            yield name, Record((_text(name),), _number(value))

    def find(self, view: View, id: tuple[str, ...]) -> Record | None:
        """The counter of that name."""
        value = view.get(self._prefix + id[0].encode())
        return None if value is None else Record(id, _number(value))

    def add(self, transaction: Transaction, record: Record) -> bool:
        """Store the counter."""
        key = self._prefix + record.id[0].encode()
        if transaction.get(key) is not None:
            return False
        transaction.store(key, b"%d" % record.data)
        return True


class Calendars:
    """`!$calendars!` + tuple(name, subject, key) -> tuple(end, number): a record a subject."""

    def __init__(self, space: Space, name: str) -> None:
        self._counts = Expiring(space.prefix, space.within("$calendars").prefix)
        self._prefix = self._counts.prefix

    def rows(self, view: View, after: bytes) -> Iterator[Row]:
        """The subjects of all calendar counters."""
        start = self._prefix + (after + tuples.AFTER if after else b"")
        rows = (
            (tuples.unpack(key[len(self._prefix) :]), value)
            for key, value in view.items(start, upper_bound(self._prefix))
        )
        for id, group in groupby(rows, key=lambda row: row[0][:2]):
            record = _calendar(id, ((key[2], value) for key, value in group))
            if record is not None:
                yield tuples.pack(id), record

    def find(self, view: View, id: tuple[str, ...]) -> Record | None:
        """All that is counted for the subject."""
        place = self._prefix + tuples.pack(id)
        rows = view.items(place, place + tuples.AFTER)
        return _calendar(id, ((tuples.unpack(key[len(place) :])[0], value) for key, value in rows))

    def add(self, transaction: Transaction, record: Record) -> bool:
        """Store all counts of the subject."""
        if self.find(View(transaction.get, transaction.items), record.id) is not None:
            return False
        clock = now()
        ends: dict[str, int] = record.hints or {}
        for key, value in record.data.items():
            place = tuples.pack((*record.id, key))
            self._counts.put(transaction, place, b"%d" % value, clock, ends.get(key, NEVER))
        return True


def _calendar(id: tuple[str, ...], rows: Iterator[tuple[str, bytes]]) -> Record | None:
    """The counts that are still kept."""
    counts: dict[str, int] = {}
    ends: dict[str, int] = {}
    clock = now()
    for key, value in rows:
        end, number = tuples.unpack(value)
        if end == NEVER or end > clock:
            counts[key] = _number(number)
            if end != NEVER:
                ends[key] = end
    return Record(id, counts, ends) if counts else None


class GroupsOf:
    """Tuples below `!$groups!!<name>!`: (0, group, member), (1, member, group), (2, group)."""

    def __init__(self, space: Space, name: str) -> None:
        self._prefix = space.within("$groups", escape(name)).prefix

    def _key(self, *values: object) -> bytes:
        return self._prefix + tuples.pack(values)

    def rows(self, view: View, after: bytes) -> Iterator[Row]:
        """The members of each group."""
        first = self._key(0)
        start = first + (after + b"\x00" if after else b"")
        for key, _ in view.items(start, first + tuples.AFTER):
            at = key[len(first) :]
            yield at, Record(tuples.unpack(at), True)

    def find(self, view: View, id: tuple[str, ...]) -> Record | None:
        """Whether the member is in the group."""
        return None if view.get(self._key(0, *id)) is None else Record(id, True)

    def add(self, transaction: Transaction, record: Record) -> bool:
        """Put the member into the group."""
        group, member = record.id
        if transaction.get(self._key(0, group, member)) is not None:
            return False
        transaction.store(self._key(0, group, member), b"")
        transaction.store(self._key(1, member, group), b"")
        size = int(transaction.get(self._key(2, group)) or 0) + 1
        transaction.store(self._key(2, group), b"%d" % size)
        return True


class Board:
    """Tuples below `!$leaderboards!!<name>!`: (0, -score, number, player), (1, player), (2,)."""

    def __init__(self, space: Space, name: str) -> None:
        self._prefix = space.within("$leaderboards", escape(name)).prefix

    def _key(self, *values: object) -> bytes:
        return self._prefix + tuples.pack(values)

    def rows(self, view: View, after: bytes) -> Iterator[Row]:
        """The players by rank."""
        first = self._key(0)
        start = first + (after + b"\x00" if after else b"")
        for key, _ in view.items(start, first + tuples.AFTER):
            at = key[len(first) :]
            score, number, player = tuples.unpack(at)
            yield at, Record((player,), [0.0 - score, number])

    def find(self, view: View, id: tuple[str, ...]) -> Record | None:
        """The player's score and number."""
        data = view.get(self._key(1, *id))
        return None if data is None else Record(id, list(tuples.unpack(data)))

    def add(self, transaction: Transaction, record: Record) -> bool:
        """Give the player that score and number."""
        [player], (score, number) = record.id, record.data
        if transaction.get(self._key(1, player)) is not None:
            return False
        transaction.store(self._key(0, 0.0 - score, number, player), b"")
        transaction.store(self._key(1, player), tuples.pack((float(score), number)))
        last, size = tuples.unpack(transaction.get(self._key(2)) or tuples.pack((0, 0)))
        transaction.store(self._key(2), tuples.pack((max(last, number), size + 1)))
        return True


class Queue:
    """The items of a work queue, whatever their state, and before them the facts of the queue."""

    def __init__(self, space: Space, name: str) -> None:
        self._space = space
        self._places = Places(space, escape(name))

    def rows(self, view: View, after: bytes) -> Iterator[Row]:
        """The facts, then the items by id."""
        prefix = self._places.jobs
        if not after and (facts := self.find(view, FACTS)) is not None:
            yield b"", facts
        due = max(now(), int(view.get(self._places.stamp) or 0))
        start = prefix + (after + b"\x00" if after else b"")
        for key, value in view.items(start, upper_bound(prefix)):
            id = key[len(prefix) :]
            yield id, self._record(view, _text(id), value, due)

    def find(self, view: View, id: tuple[str, ...]) -> Record | None:
        """The item of that id."""
        if id == FACTS:
            paused = view.get(self._places.paused) is not None
            requeued = int(view.get(self._places.requeued) or 0)
            data = {"paused": paused, "requeued": requeued}
            return Record(id, data) if paused or requeued else None
        stored = view.get(self._places.jobs + id[0].encode())
        due = max(now(), int(view.get(self._places.stamp) or 0))
        return None if stored is None else self._record(view, id[0], stored, due)

    def _record(self, view: View, id: str, stored: bytes, due: int) -> Record:
        """What is leased is ready, and has at least one attempt left."""
        job, leased = Job.unpack(stored), False
        dead = view.get(self._places.letter(job.available, id)) is not None
        attempts = job.attempts
        if job.token and not dead:
            leased, attempts = True, min(job.attempts, max(job.most - 1, 0))
        data = {
            "item": _text(job.data),
            "attempts": attempts,
            "most": job.most,
            "pushed": job.pushed,
            "priority": -job.rank,
            "at": job.available,
            "error": _text(view.get(self._places.errors + id.encode()) or b""),
            "dead": dead,
        }
        return Record((id,), data, {"ready": not dead and (leased or job.available <= due)})

    def add(self, transaction: Transaction, record: Record) -> bool:
        """Queue the item at its place, or bury it; the memory of the queue is kept right."""
        if self.find(View(transaction.get, transaction.items), record.id) is not None:
            return False
        shared = self._space.engine.shared
        state = shared.pop(self._places.ready, None) or QueueState.load(self._places, transaction)
        _Restoring(self._places, transaction, state, now()).restore(record)
        shared[self._places.ready] = state
        return True


class _Restoring(Step):
    """A step of a queue that takes in what another queue had."""

    def restore(self, record: Record) -> None:
        """Store the facts, or one item."""
        data, id = record.data, record.id[0]
        if record.id == FACTS:
            self._transaction.store(self._places.requeued, b"%d" % data["requeued"])
            if data["paused"]:
                self.set_paused(True)
            return
        at: int = data["at"]
        job = Job(
            data["attempts"], data["most"], data["pushed"], -data["priority"], at, at, 0,
            data["item"].encode(),
        )  # fmt: skip
        if data["error"]:
            self._transaction.store(self._places.errors + id.encode(), data["error"].encode())
        if data["dead"]:
            self._transaction.store(self._places.jobs + id.encode(), job.pack())
            self._transaction.store(self._places.letter(at, id), b"")
            return
        if record.hints["ready"] and at > self._state.stamp:
            # What is pushed from now on comes behind it, and it is due, whatever the clock says.
            self._state.stamp = at
            self._transaction.store(self._places.stamp, b"%d" % at)
        self._wait(id, job)


class Documents:
    """`!<name>!<id>`, JSON objects. They get new revisions; their indexes are filled later."""

    def __init__(self, space: Space, name: str) -> None:
        self._space, self._name = space, name
        self._prefix = space.within(escape(name)).prefix
        self._prepared = False

    def rows(self, view: View, after: bytes) -> Iterator[Row]:
        """The documents by id."""
        start = self._prefix + (after + b"\x00" if after else b"")
        for key, value in view.items(start, upper_bound(self._prefix)):
            id = key[len(self._prefix) :]
            yield id, _document((_text(id),), value)

    def find(self, view: View, id: tuple[str, ...]) -> Record | None:
        """The document of that id."""
        value = view.get(self._prefix + id[0].encode())
        return None if value is None else _document(id, value)

    def add(self, transaction: Transaction, record: Record) -> bool:
        """Store the document with a change of its own."""
        key = self._prefix + record.id[0].encode()
        if transaction.get(key) is not None:
            return False
        if not self._prepared:
            # Indexes that this process does not declare would miss the document: whoever
            # declares them fills them again.
            forget_undeclared(transaction, Collection.of(self._space, self._name))
            self._prepared = True
        transaction.put(key, dumps(record.data), fields=record.data, before=None)
        return True


def _document(id: tuple[str, ...], value: bytes) -> Record:
    fields = parse(value)
    fields.pop(REVISION, None)
    return Record(id, fields)


CARRIERS: dict[Kind, Callable[[Space, str], Carrier]] = {
    "counter": Counters,
    "calendar_counter": Calendars,
    "groups": GroupsOf,
    "leaderboard": Board,
    "work_queue": Queue,
    "repository": Documents,
}


def carrier(space: Space, unit: Unit) -> Carrier:
    """The unit's records."""
    return CARRIERS[unit.kind](space, unit.name)


def _number(value: Any) -> int:
    try:
        return int(value)
    except ValueError as error:
        raise DataCorrupted("a counter holds something that is no number") from error


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise DataCorrupted("a stored name or item is not UTF-8") from error
