# Generated from datapatterns/contracts/_async/transfer.py by scripts/unasync.py; do not edit.
"""What a backend brings for `migrate`: reading everything in a namespace, and adding to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from datapatterns.core.records import Batch, Inventory, Kind, Record, Unit


class Transfer(Protocol):
    """Reads everything in one namespace as records, and adds records to it.

    Reading changes nothing. Memory is bounded: a batch has some hundred records, and no record of
    an earlier batch is kept.
    """

    @property
    def kinds(self) -> frozenset[Kind]:
        """Return the kinds that this backend can hold."""
        ...

    @property
    def address(self) -> str:
        """Return where the namespace is, without a password; it is the same after a restart."""
        ...

    def identity(self) -> str:
        """Return a text that identifies the namespace, whichever address was used for it."""
        ...

    def inventory(self) -> Inventory:
        """Return the units, with about how many records each has, and what cannot be moved."""
        ...

    def export(self, unit: Unit, after: str | None = None) -> Iterator[Batch]:
        """Iterate over the unit's records, from the position `after` of an earlier batch on.

        A record that exists throughout comes at least once. Raises DataCorrupted for stored data
        that is not a record.
        """
        ...

    def find(self, unit: Unit, ids: Sequence[tuple[str, ...]]) -> list[Record | None]:
        """Return the records in the order of the ids, None for those that do not exist."""
        ...

    def add(self, unit: Unit, records: Sequence[Record]) -> int:
        """Store the records whose ids do not exist, each as a whole; return how many these were.

        Existing records are never changed, so repeating a call does no harm.
        """
        ...

    def progress(self) -> dict[str, Any] | None:
        """Return what `note` has stored, None if nothing is stored."""
        ...

    def note(self, progress: Mapping[str, Any] | None) -> None:
        """Store the progress of a migration into this namespace; None removes it."""
        ...
