"""Migration: everything in a namespace of one store is copied into another, on any backend."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from datapatterns.core.records import (
    KINDS,
    Comparison,
    Inventory,
    MigrationReport,
    Unit,
    check_kinds,
)
from datapatterns.errors import Conflict, InvalidArgument, Unsupported
from datapatterns.store._async.store import AsyncStore, transfer_of

logger = logging.getLogger("datapatterns.migration")

# Called with "carry" or "verify", the unit, the number of its records that are done, and about the
# number of all of them.
Progress = Callable[[str, Unit, int, int], Any]


class AsyncMigration:
    """Copies what the source has into the target, unit by unit, in batches; never overwrites.

    1. `plan`: read the content of both. Refuse a target that is the source, kinds that the target
       cannot hold (Unsupported), and a target that has data of these kinds (Conflict, `exists`),
       except to merge, or to continue an interrupted migration from this source.
    2. `run`: note in the target that a migration is under way. Read a batch, add the records that
       the target does not have, note the position; repeat until the last unit is done; remove the
       note.
    3. `verify`: read everything in the source again and compare it with what the target has under
       the same ids. Then, except after a merge, look for what only the target has.

    Adding never changes an existing record and stores each record as a whole, so a batch may be
    added twice, and after a kill at any moment the same call continues. A merge is the same:
    **existing records of the target stay as they are, and missing ones are added.** A document, a
    counter, a subject of a calendar counter, a player, a membership and an item of a queue are one
    record each.

    Documents keep their ids and all their fields. Revisions, change logs and indexes are the
    target's own, and an index is filled when a repository that declares it is first used. Items of
    a queue keep their order; a leased item becomes ready, and its attempt counts. Players keep
    their order among equal scores. Stop the programs that write to the source, and do not use the
    target before the end: a change made meanwhile may be copied or not, and `verify` shows it.

    Memory: one batch, and the names of units. Costs: a few round trips a batch where one trip can
    take several records, otherwise one or two a record (counters, subjects of calendar counters).
    """

    def __init__(
        self,
        source: AsyncStore,
        target: AsyncStore,
        *,
        kinds: Iterable[str] | None = None,
        merge: bool = False,
    ) -> None:
        self._kinds = check_kinds(kinds)
        self._merge = merge
        self._source, self._target = transfer_of(source), transfer_of(target)
        self._noted: dict[str, Any] = {}
        self.report = MigrationReport(merged=merge)

    async def plan(self, *, only_verify: bool = False) -> MigrationReport:
        """Return what will be copied and what stays behind; refuse what is not possible.

        With `only_verify` the target may have data already.
        """
        if await self._source.identity() == await self._target.identity():
            raise InvalidArgument("the source and the target must not be the same namespace")
        found = await self._source.inventory()
        report = self.report
        report.units = {unit: found.units[unit] for unit in self._sorted(found)}
        report.left = dict(sorted(found.left.items()))
        for unit, count in found.units.items():
            if unit not in report.units:
                report.left[f"{unit} (not chosen)"] = count
        lacking = {unit.kind for unit in report.units} - self._target.kinds
        if lacking:
            names = ", ".join(sorted(lacking))
            raise Unsupported(
                f"the target cannot hold {names}; choose other kinds to leave them behind"
            )
        if not only_verify:
            await self._look_at_target()
        return report

    def _sorted(self, found: Inventory) -> list[Unit]:
        chosen = [unit for unit in found.units if unit.kind in self._kinds]
        return sorted(chosen, key=lambda unit: (KINDS.index(unit.kind), unit.name))

    async def _look_at_target(self) -> None:
        """Continue an interrupted migration from this source, or refuse a target with data."""
        noted = await self._target.progress()
        if noted is not None and noted["source"] == self._source.address:
            self.report.resumed = True
            self.report.merged = self._merge = self._merge or noted["merge"]
            if noted["kinds"] == list(self._kinds):
                self._noted = noted
            return
        if self._merge:
            return
        if noted is not None:
            raise Conflict(
                "a migration from elsewhere into this target was interrupted; finish it, or merge",
                reason="exists",
            )
        there = (await self._target.inventory()).units
        taken = sorted({str(unit) for unit in there if unit.kind in self._kinds})
        if taken:
            some = ", ".join(taken[:3]) + (", …" if len(taken) > 3 else "")
            raise Conflict(
                f"the target has data already: {some}; compare it, or merge", reason="exists"
            )

    async def run(self, progress: Progress | None = None) -> MigrationReport:
        """Copy everything that `plan` found and return the report; repeat the call after a kill."""
        position: list[Any] | None = self._noted.get("at")
        self._noted = {
            "source": self._source.address,
            "merge": self._merge,
            "kinds": list(self._kinds),
            "at": position,
        }
        await self._target.note(self._noted)
        for unit in self.report.units:
            if position is None or _place(unit) > position[:2]:
                await self._carry(unit, None, progress)
            elif _place(unit) == position[:2] and not position[3]:
                await self._carry(unit, position[2], progress)
        await self._target.note(None)
        return self.report

    async def _carry(self, unit: Unit, after: str | None, progress: Progress | None) -> None:
        carried, added = 0, 0
        async for batch in self._source.export(unit, after):
            added += await self._target.add(unit, batch.records)
            carried += len(batch.records)
            self.report.carried[unit], self.report.added[unit] = carried, added
            if batch.after is not None:
                await self._note(unit, batch.after, done=False)
            _tell(progress, "carry", unit, carried, self.report.units[unit])
        await self._note(unit, None, done=True)

    async def _note(self, unit: Unit, after: str | None, *, done: bool) -> None:
        self._noted["at"] = [*_place(unit), after, done]
        await self._target.note(self._noted)

    async def verify(self, progress: Progress | None = None) -> MigrationReport:
        """Compare counts and digests of every unit, and return the report; change nothing."""
        for unit, total in self.report.units.items():
            compared = self.report.compared[unit] = Comparison()
            async for batch in self._source.export(unit):
                ids = [record.id for record in batch.records]
                compared.compare(batch.records, await self._target.find(unit, ids))
                _tell(progress, "verify", unit, compared.source.count, total)
            if self._merge:
                continue
            async for batch in self._target.export(unit):
                ids = [record.id for record in batch.records]
                found = await self._source.find(unit, ids)
                compared.extra += found.count(None)
        return self.report


async def async_migrate(
    source: AsyncStore,
    target: AsyncStore,
    *,
    kinds: Iterable[str] | None = None,
    merge: bool = False,
    dry_run: bool = False,
    verify: bool = False,
    only_verify: bool = False,
    progress: Progress | None = None,
) -> MigrationReport:
    """Copy what the source has into the target, and return what was found and done.

    `kinds` are some of counter, calendar_counter, groups, leaderboard, work_queue and repository,
    by default all of them. `dry_run` writes nothing. With `verify` the report's `ok` says whether
    both have the same records; `only_verify` compares and copies nothing. What stays behind is in
    `report.left`, and is logged before anything is written. `progress("carry" or "verify", unit,
    done, total)` is called after each batch. Raises InvalidArgument if source and target are the
    same, Unsupported for what the target cannot hold, and Conflict (`exists`) if it has data. See
    `AsyncMigration`.
    """
    migration = AsyncMigration(source, target, kinds=kinds, merge=merge)
    report = await migration.plan(only_verify=only_verify)
    if dry_run:
        return report
    if not only_verify:
        for what, count in report.left.items():
            logger.warning("stays behind: %s: %d", what, count)
        await migration.run(progress)
    if verify or only_verify:
        await migration.verify(progress)
    return report


def _place(unit: Unit) -> list[Any]:
    """Return the unit's position in the order of the migration, as JSON."""
    return [KINDS.index(unit.kind), unit.name]


def _tell(progress: Progress | None, phase: str, unit: Unit, done: int, total: int) -> None:
    if progress is not None:
        progress(phase, unit, done, max(done, total))
