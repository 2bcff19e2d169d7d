"""Where a handle's data lies in a directory: its engine, its gate and its key prefix.

A pattern runs its steps through the space of its client. `Space` runs them here and now.
`AsyncSpace` has the same methods, awaited: `scan` and `write` each hop once to the engine's lane,
while `read`, which is for a few keys only, runs at once, since a hop costs more than it does.
The two are written by hand, because running a step and sending one to the lane have nothing in
common that could be generated.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Self, TypeVar, TypeVarTuple

from datapatterns.errors import DataError, InvalidArgument
from datapatterns.level.engine.driver import DriverError, reading_failed
from datapatterns.level.engine.engine import Engine, Gate
from datapatterns.level.engine.keys import own_prefix
from datapatterns.level.engine.lane import PendingWrite
from datapatterns.level.engine.readers import Reader, View, Writer

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


@dataclass(frozen=True, slots=True)
class BaseSpace:
    """The engine, the gate of one handle, and the prefix of its keys.

    `sync` overrules the pattern: True makes every write wait for the disk, False none.
    """

    engine: Engine
    gate: Gate
    prefix: bytes = b""
    sync: bool | None = None

    @classmethod
    def of(cls, client: object) -> Self:
        """Return the space of a Level or AsyncLevel; raise InvalidArgument for anything else."""
        space = getattr(client, "_space", None)
        if not isinstance(space, BaseSpace):
            raise InvalidArgument("a pattern in LevelDB takes a Level or an AsyncLevel")
        return cls(space.engine, space.gate, space.prefix, space.sync)

    def within(self, *names: str) -> Self:
        """Return the space of nested sublevels; the caller escapes names chosen by users."""
        return replace(self, prefix=self.prefix + own_prefix(*names))

    @contextmanager
    def reading(self) -> Generator[None]:
        """Pass the gate for a read, and raise our error for one of the driver."""
        with self.gate:
            try:
                yield
            except DriverError as error:
                raise reading_failed(error) from error

    def read_at_once(self, step: Callable[[Reader, *Ts], T], *args: *Ts) -> T:
        """Run a step that reads a few keys; neither face awaits it."""
        with self.gate:  # not `reading`, since this is the hottest path
            try:
                return step(self.engine.view, *args)
            except DriverError as error:
                raise reading_failed(error) from error

    def compact_in_background(self, ranges: list[tuple[bytes, bytes]]) -> None:
        """Have LevelDB drop the markers of deleted keys in these ranges, on a thread."""
        if ranges:
            threading.Thread(
                target=self._compact, args=(ranges,), name="datapatterns-compact", daemon=True
            ).start()

    def _compact(self, ranges: list[tuple[bytes, bytes]]) -> None:
        with suppress(DataError, DriverError), self.gate:
            for start, stop in ranges:
                self.engine.database.compact_range(start=start, stop=stop)

    def _synced(self, sync: bool) -> bool:
        return sync if self.sync is None else self.sync

    def _scan(self, step: Callable[[Reader, *Ts], T], args: tuple[*Ts], cached: bool) -> T:
        """Run the step on a snapshot; the caller holds the gate."""
        snapshot = self.engine.database.snapshot()
        try:
            return step(View(snapshot, cached=cached), *args)
        finally:
            snapshot.close()


class Space(BaseSpace):
    """Runs steps in the calling thread."""

    __slots__ = ()

    def read(self, step: Callable[[Reader, *Ts], T], *args: *Ts) -> T:
        """Run a step that reads one or a few keys."""
        with self.gate:  # as in `read_at_once`, without its call
            try:
                return step(self.engine.view, *args)
            except DriverError as error:
                raise reading_failed(error) from error

    def scan(self, step: Callable[[Reader, *Ts], T], *args: *Ts, cached: bool = True) -> T:
        """Run a step that reads many rows, all of one moment."""
        with self.reading():
            return self._scan(step, args, cached)

    def write(self, step: Callable[[Writer, *Ts], T], *args: *Ts, sync: bool = False) -> T:
        """Run a step that reads and writes; store what it wrote in one atomic batch."""
        with self.gate:
            return self.engine.write(step, *args, sync=self._synced(sync))


class AsyncSpace(BaseSpace):
    """Runs steps that take long in the engine's lane, which is one thread."""

    __slots__ = ()

    async def read(self, step: Callable[[Reader, *Ts], T], *args: *Ts) -> T:
        """Run a step that reads one or a few keys."""
        return self.read_at_once(step, *args)

    async def scan(self, step: Callable[[Reader, *Ts], T], *args: *Ts, cached: bool = True) -> T:
        """Run a step that reads many rows, all of one moment."""
        return await self.engine.lane.call(lambda: self._scan(step, args, cached), self.gate)

    async def write(self, step: Callable[[Writer, *Ts], T], *args: *Ts, sync: bool = False) -> T:
        """Run a step that reads and writes; store what it wrote in one atomic batch."""
        write = PendingWrite(step, args, sync=self._synced(sync))
        return await self.engine.lane.write(write, self.gate)
