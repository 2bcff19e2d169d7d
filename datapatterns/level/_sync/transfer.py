# Generated from datapatterns/level/_async/transfer.py by scripts/unasync.py; do not edit.
"""Everything in a namespace of LevelDB as records, for `migrate`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from typing_extensions import override

from datapatterns.contracts._sync import transfer
from datapatterns.core.records import KINDS, Batch, Inventory, Kind, Record, Unit
from datapatterns.level._sync.level import Level
from datapatterns.level.engine.space import Space
from datapatterns.level.steps.transfer import TransferSteps


class Transfer(transfer.Transfer):
    """Everything in a level, or in a sublevel of one, as records.

    Names are found by going from sublevel to sublevel, one seek each. A batch is read in one step,
    in the order of the keys, so that the next one can go on behind it; records are added in one
    batch, so that each is there whole. Collections are those that have a change log, a head or an
    index: plain keys that were put into a sublevel by hand belong to no pattern.
    """

    def __init__(self, client: Level) -> None:
        self._space = Space.of(client)
        self._steps = TransferSteps(self._space)

    @property
    @override
    def kinds(self) -> frozenset[Kind]:
        return frozenset(KINDS)

    @property
    @override
    def address(self) -> str:
        """The directory's real path and the sublevel."""
        return f"level:{self._space.engine.path}#{self._space.prefix.decode(errors='replace')}"

    @override
    def identity(self) -> str:
        """Return where it is: a directory has one engine in one process."""
        return self.address

    @override
    def inventory(self) -> Inventory:
        return self._space.scan(self._steps.inventory, cached=False)

    @override
    def export(self, unit: Unit, after: str | None = None) -> Iterator[Batch]:
        """Iterate over the unit's records, in the order of the keys."""
        while True:
            batch = self._space.scan(self._steps.batch, unit, after, cached=False)
            yield batch
            if (after := batch.after) is None:
                return

    @override
    def find(self, unit: Unit, ids: Sequence[tuple[str, ...]]) -> list[Record | None]:
        return self._space.scan(self._steps.find, unit, ids)

    @override
    def add(self, unit: Unit, records: Sequence[Record]) -> int:
        return self._space.write(self._steps.add, unit, records)

    @override
    def progress(self) -> dict[str, Any] | None:
        return self._space.read(self._steps.progress)

    @override
    def note(self, progress: Mapping[str, Any] | None) -> None:
        """Store the progress of the migration, once all before it is on the disk."""
        self._space.write(self._steps.note, progress, sync=True)
