"""A handle's place in a directory: its engine, its gate and its prefix. Patterns stand on this.

Every method comes in two faces: the plain one runs here and now, the awaited one hops to the
engine's lane, once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from datapatterns.level.driver import Database, DriverError, reading_failed
from datapatterns.level.engine import Engine, Gate
from datapatterns.level.keys import own_prefix
from datapatterns.level.lane import Job
from datapatterns.level.transaction import Transaction

T = TypeVar("T")


class HasSpace(Protocol):
    """A Level, an AsyncLevel, or a sublevel of either: what the patterns take as their client."""

    @property
    def space(self) -> Space:
        """Where the level lies."""
        ...


@dataclass(frozen=True, slots=True)
class Space:
    """Reads and writes below a prefix, through the gate of one handle.

    `sync` overrules what a pattern would choose: True for every write, False for none.
    """

    engine: Engine
    gate: Gate
    prefix: bytes = b""
    sync: bool | None = None

    def within(self, *names: str) -> Space:
        """The space of nested sublevels below this one; names of users come escaped."""
        return replace(self, prefix=self.prefix + own_prefix(*names))

    def read(self, work: Callable[[Database], T]) -> T:
        """Run a reading work on the database."""
        with self.gate:
            try:
                return work(self.engine.database)
            except DriverError as error:
                raise reading_failed(error) from error

    async def read_in_lane(self, work: Callable[[Database], T]) -> T:
        """Run a reading work on the database, in the lane: for all but a few keys."""
        return await self.engine.lane.call(lambda: work(self.engine.database), self.gate)

    def write(self, work: Callable[[Transaction], T], *, sync: bool = False) -> T:
        """Run a work that reads and writes, in one atomic step."""
        with self.gate:
            return self.engine.write(work, sync=self._synced(sync))

    async def write_in_lane(self, work: Callable[[Transaction], T], *, sync: bool = False) -> T:
        """Run a work that reads and writes, in one atomic step, in the lane."""
        return await self.engine.lane.write(Job(work, self._synced(sync)), self.gate)

    def _synced(self, sync: bool) -> bool:
        return sync if self.sync is None else self.sync
