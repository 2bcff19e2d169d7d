"""What is carried from one store to another, the same on every backend: plain values.

A record is one thing that a store has: a document, a counter, a player. It has an id within its
unit (a collection, a leaderboard, or all counters of a namespace), and data that is JSON. Two
stores have the same if the digests of their records are equal. What belongs to one backend only,
such as a revision or an index entry, is no part of it.

| kind | id | data |
|---|---|---|
| repository | id | the stored fields, also those that no model knows |
| counter | name | the value |
| calendar_counter | name, subject | the counts by key; hints: when each ends |
| groups | group, member | true |
| leaderboard | player | score, and its number in the order of arrival |
| work_queue | id | item, attempts, place in the order, last error; hints: whether it is ready |
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Literal, get_args

from datapatterns.errors import InvalidArgument

Kind = Literal["counter", "calendar_counter", "groups", "leaderboard", "work_queue", "repository"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_MODULUS = 2**128

# The id of the record with the facts of a queue itself; no item has it.
FACTS = ("",)
# What stays behind, in the words in which it is listed.
OPERATIONS = "remembered operations (op_id)"
LIMITS = "rate limiter windows"
LEASES = "concurrency leases"
ONCE = "`once` keys of queues"
LOGS = "change log entries (followers begin anew)"
CHECKPOINTS = "checkpoints of changes workers"
DEAD_CHANGES = "changes given up by workers"
HISTORY = "histories of emitters"
REQUESTS = "remembered requests of queues"


@dataclass(frozen=True, slots=True)
class Unit:
    """What is carried as one: a kind and a name, or all there is of the kind where it has none."""

    kind: Kind
    name: str = ""

    def __str__(self) -> str:
        kind = self.kind.replace("_", " ")
        return f"{kind} {self.name!r}" if self.name else f"{kind}s"


@dataclass(frozen=True, slots=True)
class Record:
    """One thing that a store has. `hints` help to store it and are not compared."""

    id: tuple[str, ...]
    data: Any
    hints: Any = None

    def digest(self) -> int:
        """A number of 128 bits, the same for the same id and data."""
        text = json.dumps([self.id, self.data], sort_keys=True, separators=(",", ":"))
        return int.from_bytes(blake2b(text.encode(), digest_size=16).digest())


@dataclass(frozen=True, slots=True)
class Batch:
    """Some records, and where to go on behind them; None where one can only begin again."""

    records: list[Record]
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a namespace has: units with about how many records, and what cannot be carried."""

    units: dict[Unit, int] = field(default_factory=dict[Unit, int])
    left: dict[str, int] = field(default_factory=dict[str, int])

    def count(self, unit: Unit, by: int = 1) -> None:
        """Note that the unit has so many more records."""
        if by:
            self.units[unit] = self.units.get(unit, 0) + by

    def leave(self, what: str, by: int = 1) -> None:
        """Note that so much of it stays behind."""
        if by:
            self.left[what] = self.left.get(what, 0) + by


@dataclass(slots=True)
class Digest:
    """How many records, and the sum of their digests: the order plays no part."""

    count: int = 0
    total: int = 0

    def add(self, records: Iterable[Record | None]) -> None:
        """Take these records in, less those that are not there."""
        for record in records:
            if record is not None:
                self.count += 1
                self.total = (self.total + record.digest()) % _MODULUS

    def __str__(self) -> str:
        return f"{self.total:032x}"


@dataclass(slots=True)
class Comparison:
    """What verifying one unit found: records missing in the target, others there, and extra."""

    source: Digest = field(default_factory=Digest)
    target: Digest = field(default_factory=Digest)
    missing: int = 0
    different: int = 0
    extra: int = 0

    def compare(self, records: list[Record], found: list[Record | None]) -> None:
        """Take in records of the source, and the target's of the same ids."""
        self.source.add(records)
        self.target.add(found)
        for record, other in zip(records, found, strict=True):
            self.missing += other is None
            self.different += other is not None and other.digest() != record.digest()

    @property
    def equal(self) -> bool:
        """Whether both have the same, by count and by digest."""
        return self.source == self.target and not self.extra


@dataclass(slots=True)
class MigrationReport:
    """What a migration found and did. `carried` counts records read, `added` those written."""

    units: dict[Unit, int] = field(default_factory=dict[Unit, int])
    left: dict[str, int] = field(default_factory=dict[str, int])
    carried: dict[Unit, int] = field(default_factory=dict[Unit, int])
    added: dict[Unit, int] = field(default_factory=dict[Unit, int])
    compared: dict[Unit, Comparison] = field(default_factory=dict[Unit, Comparison])
    resumed: bool = False
    merged: bool = False

    @property
    def ok(self) -> bool:
        """Whether nothing that was verified is amiss; what a merge left as it was is not."""
        if self.merged:
            return not any(found.missing for found in self.compared.values())
        return all(found.equal for found in self.compared.values())


def present(records: Iterable[Record | None]) -> list[Record]:
    """Those records that are there."""
    return [record for record in records if record is not None]


def check_kinds(kinds: Iterable[str] | None) -> tuple[Kind, ...]:
    """The kinds in the order in which they are carried; InvalidArgument for one that is none."""
    if kinds is None:
        return KINDS
    if isinstance(kinds, str):
        raise InvalidArgument("kinds must be several names, not one string")
    wanted = set(kinds)
    if not wanted or not wanted <= set(KINDS):
        raise InvalidArgument(f"kinds must be some of {', '.join(KINDS)}")
    return tuple(kind for kind in KINDS if kind in wanted)
