# Generated from datapatterns/redis/_async/records.py by scripts/unasync.py; do not edit.
"""Reads and adds the records of a migration in Redis: one class for each kind, for `Transfer`.

A batch gives a position to continue from only where a position outlasts the server's process. A
cursor of SCAN does not, so kinds that are read with one begin again after an interruption.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from datapatterns.core.calendar_counter import bucket_of
from datapatterns.core.records import FACTS, Batch, Kind, Record, Unit, present
from datapatterns.core.work_queue import HIGHEST_PRIORITY
from datapatterns.redis._sync.document_records import DocumentRecords
from datapatterns.redis._sync.lua import SCRIPTS
from datapatterns.redis._sync.scanning import (
    PAGE,
    Argument,
    all_keys,
    fields_of,
    names_of,
    number,
    text_of,
)
from datapatterns.redis.hashes import raw_of
from datapatterns.redis.keys import Keys, escape
from datapatterns.redis.wire._sync.commands import read, write
from datapatterns.redis.wire._sync.pools import RedisClient

Ids = Sequence[tuple[str, ...]]

_DIGITS = 10  # of a priority, at the beginning of an item's order
_HIGHEST_NUMBER = 2**53  # from which the order of a player counts downwards


class Records(Protocol):
    """The records of one unit, such as a collection or a leaderboard."""

    def rows(self, after: str | None) -> Iterator[Batch]:
        """Iterate over the records behind that position, None for all of them."""
        ...

    def find(self, ids: Ids) -> list[Record | None]:
        """Return the records of these ids, None for each one that is missing."""
        ...

    def add(self, records: Sequence[Record]) -> int:
        """Store the records whose ids are not stored yet and return how many there were."""
        ...


class CounterRecords:
    """All counters of a namespace: `{namespace:counter:<name>}:value`; one command for each."""

    def __init__(self, client: RedisClient, namespace: str, name: str) -> None:
        self.redis, self._namespace = client, namespace

    def _key(self, name: str) -> bytes:
        return Keys.of(self._namespace, "counter", name)("value")

    def rows(self, after: str | None) -> Iterator[Batch]:
        """Iterate over all counters."""
        start = b"{%b:counter:" % escape(self._namespace)
        for keys in all_keys(self.redis, start, b"}:value"):
            ids = [tuple(names_of(key)[0][2:]) for key in keys]
            yield Batch(present(self.find(ids)))

    def find(self, ids: Ids) -> list[Record | None]:
        """Return the counters of these names, None for each one that is missing."""
        return [self._find(id) for id in ids]

    def _find(self, id: tuple[str, ...]) -> Record | None:
        value = read(self.redis, "GET", self._key(id[0]))
        return None if value is None else Record(id, number(value))

    def add(self, records: Sequence[Record]) -> int:
        """Store the counters."""
        new = 0
        for record in records:
            key = self._key(record.id[0])
            new += write(self.redis, "SET", key, record.data, "NX", key=key) is not None
        return new


class CalendarRecords:
    """Calendar counters: for each subject the hashes `all`, `days:2014`, `hours:2014-01-15`."""

    def __init__(self, client: RedisClient, namespace: str, name: str) -> None:
        self.redis, self._namespace = client, namespace

    def rows(self, after: str | None) -> Iterator[Batch]:
        """Iterate over the subjects of all calendar counters."""
        start = b"{%b:calendar:" % escape(self._namespace)
        for keys in all_keys(self.redis, start, b"}:all"):
            ids = [tuple(names_of(key)[0][2:]) for key in keys]
            yield Batch(present(self.find(ids)))

    def find(self, ids: Ids) -> list[Record | None]:
        """Return the counts of these subjects, in two round trips for each."""
        return [self._find(id) for id in ids]

    def _find(self, id: tuple[str, ...]) -> Record | None:
        keys = Keys.of(self._namespace, "calendar", *id)
        notes = [note.decode() for note in read(self.redis, "HKEYS", keys("all"))]
        days = [("days", note[1:]) for note in notes if note[0] == "d"]
        months = [note[1:] for note in notes if note[0] == "h"]
        hours = [("hours", f"{month}-{day:02}") for month in months for day in range(1, 32)]
        parts = [("all",), *days, *hours]
        hashes = [keys(*part) for part in parts]
        clock, *found = SCRIPTS.read(self.redis, "transfer/calendar_read", hashes)
        counts: dict[str, int] = {}
        ends: dict[str, int] = {}
        for part, (lives, fields) in zip(parts, found, strict=True):
            named = {
                key: number(value)
                for field, value in (raw_of(fields) or {}).items()
                if (key := _calendar_key(part, field.decode())) is not None
            }
            counts |= named
            if lives >= 0:
                end = int(clock + lives) * 1_000
                ends |= {key: end for key in named}  # noqa: C420 - dict.fromkeys loses the type
        return Record(id, counts, ends) if counts else None

    def add(self, records: Sequence[Record]) -> int:
        """Store all counts of each subject in one step."""
        return sum([self._add(record) for record in records])

    def _add(self, record: Record) -> int:
        keys = Keys.of(self._namespace, "calendar", *record.id)
        hashes: dict[tuple[str, ...], dict[str, int]] = {("all",): {}}
        for key, count in record.data.items():
            part, field = _calendar_field(key)
            hashes.setdefault(part, {})[field] = count
            if part[0] != "all":
                note = part[1] if part[0] == "days" else part[1][:7]
                hashes["all",][part[0][0] + note] = 1
        args: list[Argument] = []
        for part, fields in hashes.items():
            args += [_ends(record, part), 2 * len(fields)]
            args += itertools.chain.from_iterable(fields.items())
        hash_keys = [keys(*part) for part in hashes]
        return int(SCRIPTS.write(self.redis, "transfer/calendar_add", hash_keys, args))


def _calendar_key(part: tuple[str, ...], field: str) -> str | None:
    """Return the key of the bucket that the field counts, or None if the field is a note."""
    match part:
        case ("days", year):
            return f"{year}-{field[:2]}-{field[2:]}"
        case ("hours", day):
            return f"{day}T{field}"
        case _:
            return None if field[0] in "dh" else field


def _calendar_field(key: str) -> tuple[tuple[str, ...], str]:
    """Return the hash and the field that count this bucket."""
    match bucket_of(key):
        case "day":
            return ("days", key[:4]), key[5:7] + key[8:10]
        case "hour":
            return ("hours", key[:10]), key[11:13]
        case _:
            return ("all",), key


def _ends(record: Record, part: tuple[str, ...]) -> Argument:
    """Return the second at which the hash expires, with its last count; "" if a count stays."""
    ends: dict[str, int] = record.hints or {}
    of = [key for key in record.data if part == ("all",) or _calendar_field(key)[0] == part]
    if any(key not in ends for key in of):
        return ""
    return -(-max(ends[key] for key in of) // 1_000_000)


class GroupRecords:
    """Groups: the sets `…:members:<group>` and `…:groups:<member>`."""

    def __init__(self, client: RedisClient, namespace: str, name: str) -> None:
        self.redis, self._keys = client, Keys.of(namespace, "groups", name)

    def rows(self, after: str | None) -> Iterator[Batch]:
        """Iterate over the members of each group."""
        for keys in all_keys(self.redis, self._keys("members", ""), b""):
            for key in keys:
                group, cursor = names_of(key)[1][1], b"0"
                while True:
                    cursor, *found = SCRIPTS.read(self.redis, "groups/scan", [key], [cursor, PAGE])
                    yield Batch([Record((group, text_of(member)), True) for member in found])
                    if cursor == b"0":
                        break

    def find(self, ids: Ids) -> list[Record | None]:
        """Return a record for each id, a group and a member of it; None for others."""
        found: list[Record | None] = []
        for group, pairs in itertools.groupby(ids, key=lambda id: id[0]):
            wanted = list(pairs)
            members = [member.encode() for _, member in wanted]
            key = self._keys("members", group)
            there = read(self.redis, "SMISMEMBER", key, *members)
            found += [
                Record(id, True) if is_in else None for id, is_in in zip(wanted, there, strict=True)
            ]
        return found

    def add(self, records: Sequence[Record]) -> int:
        """Add the members to their groups."""
        new = 0
        for group, some in itertools.groupby(records, key=lambda record: record.id[0]):
            members = [record.id[1] for record in some]
            for at in range(0, len(members), PAGE):
                part = members[at : at + PAGE]
                keys = [self._keys("members", group)]
                keys += [self._keys("groups", member) for member in part]
                names = [name.encode() for name in (group, *part)]
                new += int(SCRIPTS.write(self.redis, "groups/add", keys, names))
        return new


class LeaderboardRecords:
    """A leaderboard: the sorted set `scores`, the hash `orders`, and the `sequence`."""

    def __init__(self, client: RedisClient, namespace: str, name: str) -> None:
        keys = Keys.of(namespace, "leaderboard", name)
        self.redis, self._orders = client, keys("orders")
        self._keys = [keys("scores"), keys("orders"), keys("sequence")]

    def rows(self, after: str | None) -> Iterator[Batch]:
        """Iterate over the players."""
        for players in fields_of(self.redis, self._orders, b""):
            yield Batch(present(self.find([(text_of(player),) for player in players])))

    def find(self, ids: Ids) -> list[Record | None]:
        """Return the players' scores, and their numbers in the order of arrival."""
        args = [id[0].encode() for id in ids]
        rows = SCRIPTS.read(self.redis, "transfer/players_read", self._keys[:2], args)
        return [
            Record(id, [float(row[1]), _HIGHEST_NUMBER - number(row[0])]) if row else None
            for id, row in zip(ids, rows, strict=True)
        ]

    def add(self, records: Sequence[Record]) -> int:
        """Add the players with their scores and numbers."""
        args: list[Argument] = []
        for record in records:
            score, number = record.data
            args += [record.id[0].encode(), repr(float(score)), number]
        return int(SCRIPTS.write(self.redis, "transfer/players_add", self._keys, args))


class QueueRecords:
    """The items of a work queue, in any state, and first of all the facts of the queue itself."""

    def __init__(self, client: RedisClient, namespace: str, name: str) -> None:
        keys = Keys.of(namespace, "work_queue", name)
        self.redis, self._jobs = client, keys("jobs")
        self._reading = [keys("jobs"), keys("ready"), keys("dead")]
        self._adding = [keys(part) for part in ("jobs", "ready", "delayed", "dead", "wake")]

    def rows(self, after: str | None) -> Iterator[Batch]:
        """Iterate over the facts and the items, which one hash has in whatever state they are."""
        yield Batch(present(self.find([FACTS])))
        for states in fields_of(self.redis, self._jobs, b"s"):
            yield Batch(present(self.find([(text_of(state[1:]),) for state in states])))

    def find(self, ids: Ids) -> list[Record | None]:
        """Return the items of these ids, None for each one that is missing."""
        args = [id[0].encode() for id in ids]
        rows = SCRIPTS.read(self.redis, "transfer/items_read", self._reading, args)
        return [_item(id, row) for id, row in zip(ids, rows, strict=True)]

    def add(self, records: Sequence[Record]) -> int:
        """Add the items in their order, ready, delayed or dead."""
        args: list[Argument] = []
        for record in records:
            args += _item_arguments(record)
        return int(SCRIPTS.write(self.redis, "transfer/items_add", self._adding, args))


def _item(id: tuple[str, ...], row: list[Any]) -> Record | None:
    """Return the record of an item; a leased item is ready and has at least one attempt left."""
    if not row:
        return None
    if id == FACTS:
        paused, requeued = row
        data = {"paused": paused == 1, "requeued": requeued}
        return Record(id, data) if any(row) else None
    item, error, attempts, most, pushed, order, leased, died, ready = row
    data = {
        "item": text_of(item),
        "attempts": min(attempts, max(most - 1, 0)) if leased else attempts,
        "most": most,
        "pushed": pushed,
        "priority": HIGHEST_PRIORITY - number(order[:_DIGITS]),
        "at": died or number(order[_DIGITS:]),
        "error": text_of(error),
        "dead": died > 0,
    }
    return Record(id, data, {"ready": bool(leased or ready)})


def _item_arguments(record: Record) -> list[Argument]:
    data = record.data
    if record.id == FACTS:
        return ["", str(int(data["paused"])), data["requeued"], 0, 0, 0, "", 0, ""]
    where = "dead" if data["dead"] else "ready" if record.hints["ready"] else "delayed"
    order = f"{HIGHEST_PRIORITY - data['priority']:010d}{data['at']:016d}"
    return [
        record.id[0].encode(), data["item"].encode(), data["error"].encode(), data["attempts"],
        data["most"], data["pushed"], order, data["at"], where,
    ]  # fmt: skip


_CLASSES: dict[Kind, Any] = {
    "counter": CounterRecords,
    "calendar_counter": CalendarRecords,
    "groups": GroupRecords,
    "leaderboard": LeaderboardRecords,
    "work_queue": QueueRecords,
    "repository": DocumentRecords,
}


def records_of(client: RedisClient, namespace: str, unit: Unit) -> Records:
    """Return what reads and adds the records of the unit."""
    made: Records = _CLASSES[unit.kind](client, namespace, unit.name)
    return made
