"""The records that a migration moves from one store to another: plain values, on every backend.

A record is one thing in a store: a document, a counter, a player. It has an id within its unit (a
collection, a leaderboard, or all counters of a namespace), and data that is JSON. Two stores hold
the same data if the digests of their records are equal. What belongs to one backend only, such as
a revision or an index entry, is not part of a record.

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

from datapatterns.core.checks import check_names
from datapatterns.errors import InvalidArgument

Kind = Literal["counter", "calendar_counter", "groups", "leaderboard", "work_queue", "repository"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_MODULUS = 2**128

# The id of the record that describes a queue itself; no item has this id.
FACTS = ("",)
# What a migration leaves behind, as the report names it.
OPERATIONS = "remembered operations (op_id)"
LIMITS = "rate limiter windows"
LEASES = "concurrency leases"
ONCE = "`once` keys of queues"
DEDUP = "remembered ids of queues (dedup)"
LOGS = "change log entries (followers begin anew)"
CHECKPOINTS = "checkpoints of changes workers"
DEAD_CHANGES = "changes given up by workers"
HISTORY = "histories of emitters"
REQUESTS = "remembered requests of queues"


@dataclass(frozen=True, slots=True)
class Unit:
    """What a migration moves as a whole: a kind and a name, or all of a kind that has no names."""

    kind: Kind
    name: str = ""

    def __str__(self) -> str:
        kind = self.kind.replace("_", " ")
        return f"{kind} {self.name!r}" if self.name else f"{kind}s"


@dataclass(frozen=True, slots=True)
class Record:
    """One thing in a store. `hints` help to store it and are not compared."""

    id: tuple[str, ...]
    data: Any
    hints: Any = None

    def digest(self) -> int:
        """Return a number of 128 bits, which is equal for an equal id and equal data."""
        text = json.dumps([self.id, self.data], sort_keys=True, separators=(",", ":"))
        return int.from_bytes(blake2b(text.encode(), digest_size=16).digest())


@dataclass(frozen=True, slots=True)
class Batch:
    """Some records, and the position behind them; None if reading cannot continue there."""

    records: list[Record]
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Inventory:
    """The content of a namespace: units, each with about how many records, and what is left."""

    units: dict[Unit, int] = field(default_factory=dict[Unit, int])
    left: dict[str, int] = field(default_factory=dict[str, int])

    def count(self, unit: Unit, by: int = 1) -> None:
        """Add to the number of records of the unit."""
        if by:
            self.units[unit] = self.units.get(unit, 0) + by

    def leave(self, what: str, by: int = 1) -> None:
        """Add to the number of things of this name that cannot be moved."""
        if by:
            self.left[what] = self.left.get(what, 0) + by


@dataclass(slots=True)
class Digest:
    """The number of records and the sum of their digests, which do not depend on their order."""

    count: int = 0
    total: int = 0

    def add(self, records: Iterable[Record | None]) -> None:
        """Add the records; None stands for one that does not exist."""
        for record in records:
            if record is not None:
                self.count += 1
                self.total = (self.total + record.digest()) % _MODULUS

    def __str__(self) -> str:
        return f"{self.total:032x}"


@dataclass(slots=True)
class Comparison:
    """The result of verifying one unit: records that the target lacks, has changed, or adds."""

    source: Digest = field(default_factory=Digest)
    target: Digest = field(default_factory=Digest)
    missing: int = 0
    different: int = 0
    extra: int = 0

    def compare(self, records: list[Record], found: list[Record | None]) -> None:
        """Compare records of the source with those that the target has under the same ids."""
        self.source.add(records)
        self.target.add(found)
        for record, other in zip(records, found, strict=True):
            self.missing += other is None
            self.different += other is not None and other.digest() != record.digest()

    @property
    def equal(self) -> bool:
        """Return whether both have the same records, by count and by digest."""
        return self.source == self.target and not self.extra


@dataclass(slots=True)
class MigrationReport:
    """What a migration found and did. `carried` counts records read, `added` records written."""

    units: dict[Unit, int] = field(default_factory=dict[Unit, int])
    left: dict[str, int] = field(default_factory=dict[str, int])
    carried: dict[Unit, int] = field(default_factory=dict[Unit, int])
    added: dict[Unit, int] = field(default_factory=dict[Unit, int])
    compared: dict[Unit, Comparison] = field(default_factory=dict[Unit, Comparison])
    resumed: bool = False
    merged: bool = False

    @property
    def ok(self) -> bool:
        """Return whether verifying found no fault; records that a merge kept are no fault."""
        if self.merged:
            return not any(found.missing for found in self.compared.values())
        return all(found.equal for found in self.compared.values())


def present(records: Iterable[Record | None]) -> list[Record]:
    """Return the records that exist, which are those that are not None."""
    return [record for record in records if record is not None]


def check_kinds(kinds: Iterable[str] | None) -> tuple[Kind, ...]:
    """Return the kinds in the order of a migration; raise InvalidArgument for an unknown one."""
    if kinds is None:
        return KINDS
    wanted = set(check_names("kinds", kinds))
    if not wanted or not wanted <= set(KINDS):
        raise InvalidArgument(f"kinds must be one or more of {', '.join(KINDS)}")
    return tuple(kind for kind in KINDS if kind in wanted)
