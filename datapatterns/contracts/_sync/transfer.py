# Generated from datapatterns/contracts/_async/transfer.py by scripts/unasync.py; do not edit.
"""What a backend has for `migrate`: reading all there is in a namespace, and adding to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from datapatterns.core.records import Batch, Inventory, Kind, Record, Unit


class Transfer(Protocol):
    """Everything in one namespace, as records. `kinds` are those that the backend can hold.

    Reading changes nothing. Memory is bounded: a batch is some hundred records, and of a unit's
    records nothing is remembered.
    """

    @property
    def kinds(self) -> frozenset[Kind]:
        """The kinds that this backend can hold."""
        ...

    @property
    def address(self) -> str:
        """Where the namespace is, without a password: the same after a restart."""
        ...

    def identity(self) -> str:
        """Return what no other place has, however it is addressed."""
        ...

    def inventory(self) -> Inventory:
        """Return the units, with about how many records each, and what cannot be carried."""
        ...

    def export(self, unit: Unit, after: str | None = None) -> Iterator[Batch]:
        """Iterate over the unit's records, from behind `after` on, which an earlier batch gave.

        What is there throughout comes at least once. Raises DataCorrupted for what is no record.
        """
        ...

    def find(self, unit: Unit, ids: Sequence[tuple[str, ...]]) -> list[Record | None]:
        """Return the records of these ids in their order, None where there is none."""
        ...

    def add(self, unit: Unit, records: Sequence[Record]) -> int:
        """Store those records whose ids are not there, each whole; return how many those were.

        What is there is never changed, so that repeating a call does no harm.
        """
        ...

    def progress(self) -> dict[str, Any] | None:
        """Return what `note` has stored, None if nothing."""
        ...

    def note(self, progress: Mapping[str, Any] | None) -> None:
        """Store how far a migration into this namespace is; None when there is none any more."""
        ...
