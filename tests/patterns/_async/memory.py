"""A changes feed in memory, and what the tests of workers need around it."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable

from datapatterns.core.changes import Change, ChangesSummary, DeadChange
from datapatterns.patterns._async.changes_worker import AsyncChangesWorker
from datapatterns.patterns._async.concurrency import AsyncEvent, AsyncLanes


class AsyncMemoryCheckpoints:
    """Positions in a dict; `errors` are raised first, `verify` is called with what is saved."""

    def __init__(self) -> None:
        self.saved: dict[str, str] = {}
        self.history: list[str] = []
        self.errors: list[Exception] = []
        self.verify: Callable[[str], None] | None = None
        self.wrong: list[str] = []

    async def load(self, name: str) -> str | None:
        """Return what was saved."""
        if self.errors:
            raise self.errors.pop(0)
        return self.saved.get(name)

    async def save(self, name: str, seq: str) -> None:
        """Save the position after `verify` has checked it."""
        if self.errors:
            raise self.errors.pop(0)
        if self.verify is not None:
            self.verify(seq)
        self.saved[name] = seq
        self.history.append(seq)


class AsyncMemoryGraveyard:
    """Dead changes by name and seq; `errors` are raised first."""

    def __init__(self) -> None:
        self.dead: dict[str, dict[str, DeadChange]] = {}
        self.errors: list[Exception] = []

    async def add(self, name: str, dead: DeadChange) -> None:
        """Keep the dead change."""
        if self.errors:
            raise self.errors.pop(0)
        self.dead.setdefault(name, {})[dead.seq] = dead

    async def list(self, name: str, limit: int) -> list[DeadChange]:
        """Return the oldest."""
        return list(self.dead.get(name, {}).values())[:limit]


class AsyncMemoryFeed:
    """Changes in a list, with positions in no order, as a worker must take them."""

    def __init__(self, *ids: str) -> None:
        self.changes: list[Change[int]] = []
        self.checkpoints = AsyncMemoryCheckpoints()
        self.graveyard = AsyncMemoryGraveyard()
        self.rejects: Callable[[str], bool] = lambda id: False
        self.error: Exception | None = None  # raised at the end of the list
        self.before_follow: Callable[[], None] | None = None
        self.read_ahead = 0
        self.stops = 0
        self.deaf = 0  # so many stops come too early
        self._places: dict[str | None, int] = {None: 0}
        self.put(*ids)

    def put(self, *ids: str) -> None:
        """Add a change of each id; its document is its place in the list, from 1."""
        for id in ids:
            place = len(self.changes) + 1
            seq = hashlib.sha256(str(place).encode()).hexdigest()[:12]
            self._places[seq] = place
            self.changes.append(Change(id, seq, f"{place}-x", False, place))

    def place(self, seq: str | None) -> int:
        """Return how many changes there are up to the position."""
        return self._places[seq]

    async def follow(
        self, since: str | None = None, *, passed: Callable[[str], object] | None = None
    ) -> AsyncIterator[Change[int]]:
        """Iterate until stopped, but not by a stop that came before the start."""
        if self.before_follow is not None:
            self.before_follow()
        stops, at = self.stops, self.place(since)
        while self.stops == stops:
            if at == len(self.changes):
                if self.error is not None:
                    raise self.error
                await asyncio.sleep(0.005)
                continue
            change = self.changes[at]
            at += 1
            if self.rejects(change.id):
                if passed is not None:
                    passed(change.seq)
            else:
                self.read_ahead = at
                yield change

    async def read(self, since: str | None = None, limit: int = 100) -> list[Change[int]]:
        """Return a batch."""
        return self.changes[self.place(since) :][:limit]

    async def now(self) -> str:
        """Return the last position."""
        return self.changes[-1].seq

    async def lag(self, since: str | None = None) -> int:
        """Return how many are left."""
        return len(self.changes) - self.place(since)

    def pause(self) -> None:
        """Do nothing; the tests do not need it."""

    def resume(self) -> None:
        """Do nothing; the tests do not need it."""

    def stop(self) -> None:
        """End every iteration that has begun."""
        if self.deaf:
            self.deaf -= 1
        else:
            self.stops += 1

    def on_event(self, fn: Callable[..., object]) -> None:
        """Do nothing; the tests do not need it."""

    def watch(self, done: set[int]) -> None:
        """Complain about a checkpoint above a change whose place is not in `done`."""

        def verify(seq: str) -> None:
            missing = set(range(1, self.place(seq) + 1)) - done
            if missing:
                self.checkpoints.wrong.append(f"saved {self.place(seq)} without {missing}")

        self.checkpoints.verify = verify


class AsyncRunning:
    """A worker that runs beside the test, and is stopped with the block."""

    def __init__(self, worker: AsyncChangesWorker[int]) -> None:
        self.worker = worker
        self.error: BaseException | None = None
        self.summary = ChangesSummary()
        self._over = AsyncEvent()
        self._lane = AsyncLanes(1, on_error=self._failed)

    async def __aenter__(self) -> "AsyncRunning":
        await self._lane.submit("run", self._run)
        return self

    async def __aexit__(self, *error: object) -> None:
        if not self._over.is_set():
            self.worker.stop()
            self.worker.stop()
        async with self._lane:
            await self._lane.drain(30)

    async def end(self) -> ChangesSummary:
        """Return what `run` returns, or raise what it raises."""
        assert await self._over.wait(60), "the worker does not end"
        if self.error is not None:
            raise self.error
        return self.summary

    async def _run(self) -> None:
        self.summary = await self.worker.run()
        self._over.set()

    def _failed(self, error: BaseException) -> None:
        self.error = error
        self._over.set()
