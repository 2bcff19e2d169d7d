# Generated from datapatterns/level/_async/changes.py by scripts/unasync.py; do not edit.
"""The changes of a collection in LevelDB: read, or followed without end."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import TypeVar

from typing_extensions import override

from datapatterns.core.changes import Change, check_feed
from datapatterns.core.checks import Duration
from datapatterns.core.documents import Document
from datapatterns.core.pages import check_limit
from datapatterns.errors import TimedOut
from datapatterns.level._sync.changes_worker import Checkpoints, Graveyard
from datapatterns.level._sync.level import Level
from datapatterns.level.engine.space import Space
from datapatterns.level.steps.changes import ChangesSteps
from datapatterns.level.steps.changes_worker import ProgressSteps
from datapatterns.level.steps.collection import Collection
from datapatterns.patterns._sync.changes import BaseFeed
from datapatterns.patterns._sync.concurrency import Event

M = TypeVar("M", bound=Document)

_BATCH = 100  # changes read in one step
_LONGEST_WAIT = 1.0  # seconds between two looks around, though every commit wakes


class ChangesFeed(BaseFeed[M]):
    """Notifies of every change of a collection, and never fails for what may pass.

    The change log holds one entry a document, its latest (`change_log="full"` on the repository
    keeps all), written in the document's own batch. Following reads 100 entries at a time from one
    snapshot and, when there are none, waits until a commit wakes it: nothing is polled. `since` is
    a `seq`, "now" or None for the beginning. Only this process can write here, so there is no
    connection to lose; closing the level ends every `follow` with Closed.
    """

    def __init__(
        self,
        client: Level,
        collection: str,
        model: type[M] | None = None,
        *,
        filter: Callable[[Change[M]], bool] | None = None,
        include_docs: bool = True,
        inactivity: Duration | None = None,
        heartbeat: Duration = 30.0,
    ) -> None:
        check_feed(model, filter, include_docs)
        super().__init__(collection, inactivity=inactivity, heartbeat=heartbeat)
        self._space = Space.of(client)
        self._collection = Collection.of(self._space, collection)
        self._steps = ChangesSteps(self._collection, model, include_docs=include_docs)
        self._workers = ProgressSteps(self._space.prefix, collection)
        self._filter = filter

    @override
    def follow(
        self, since: str | None = None, *, passed: Callable[[str], object] | None = None
    ) -> Iterator[Change[M]]:
        """Iterate over every change after `since`, waiting for the next, until stopped.

        `passed(seq)` is called for changes that the filter rejects. Raise TimedOut after
        `inactivity` seconds without a change, and Closed when the level is closed.
        """
        # At once, so that whatever is written after this call is heard.
        return self._follow(self._space.read_at_once(self._steps.position, since), passed)

    def _follow(self, at: int, passed: Callable[[str], object] | None) -> Iterator[Change[M]]:
        follow = _Follow()
        pace = _Pace(self._control.tell, self._heartbeat, self._inactivity)
        with self._following(at, follow):
            while not follow.stopped:
                follow.woken.clear()
                batch: list[Change[M]] = []
                if not self._control.paused:
                    batch = self._space.scan(self._steps.batch, at, _BATCH)
                for change in batch:
                    while self._control.paused and not follow.stopped:
                        follow.woken.wait(pace.idle(paused=True))
                        follow.woken.clear()
                    if follow.stopped:
                        return
                    at = int(change.seq)
                    pace.changed()
                    if self._wanted(change):
                        yield change
                    elif passed is not None:
                        passed(change.seq)
                if not batch:
                    follow.woken.wait(pace.idle(paused=self._control.paused))

    @contextmanager
    def _following(self, at: int, follow: _Follow) -> Generator[None]:
        """Wake it at each commit and when the level closes; let the control wake and stop it."""
        gate = self._space.gate
        unwatch = self._space.engine.watch(self._collection.changes, lambda _: follow.wake())
        gate.at_shut.append(follow.wake)
        self._control.begun(follow)
        self._control.tell("confirm", seq=str(at))
        self._control.tell("connected")
        try:
            yield
        finally:
            unwatch()
            if follow.wake in gate.at_shut:
                gate.at_shut.remove(follow.wake)
            self._control.ended(follow)

    def _wanted(self, change: Change[M]) -> bool:
        return self._filter is None or self._filter(change)

    @override
    def read(self, since: str | None = None, limit: int = 100) -> list[Change[M]]:
        check_limit(limit)
        at = self._space.read(self._steps.position, since)
        wanted: list[Change[M]] = []
        while batch := self._space.scan(self._steps.batch, at, limit):
            wanted += filter(self._wanted, batch)
            at = int(batch[-1].seq)
            if len(wanted) >= limit:
                break
        return wanted[:limit]

    @override
    def now(self) -> str:
        return str(self._space.read(self._collection.head))

    @override
    def lag(self, since: str | None = None) -> int:
        return self._space.scan(self._steps.lag, since)

    def trim(self) -> int:
        """Forget deletions (of a full log, all changes) that every known worker has passed."""
        return self._space.write(self._steps.trim, self._workers)

    @property
    @override
    def checkpoints(self) -> Checkpoints:
        return Checkpoints(self._space, self._workers)

    @property
    @override
    def graveyard(self) -> Graveyard:
        return Graveyard(self._space, self._workers)


class _Follow:
    """One `follow` under way: whether it was stopped, and what wakes it while it waits."""

    def __init__(self) -> None:
        self.stopped = False
        self.woken = Event()

    def wake(self) -> None:
        """Make the follower look for changes now."""
        self.woken.set()

    def stop(self) -> None:
        """End the follower."""
        self.stopped = True
        self.wake()


class _Pace:
    """Tells when a feed that waits has to report something, or to give up (monotonic clock)."""

    def __init__(
        self, tell: Callable[[str], None], heartbeat: float, inactivity: float | None
    ) -> None:
        self._tell = tell
        self._heartbeat, self._inactivity = heartbeat, inactivity
        self._caught_up = False
        self.changed()

    def changed(self) -> None:
        """Note that a change has come."""
        self._last_change = self._last_beat = time.monotonic()

    def idle(self, *, paused: bool) -> float:
        """Report what is due and return how long to wait; raise TimedOut after the inactivity."""
        now = time.monotonic()
        if paused:
            self.changed()
            return _LONGEST_WAIT
        if not self._caught_up:
            self._caught_up = True
            self._tell("caught_up")
        if self._inactivity is not None and now - self._last_change >= self._inactivity:
            raise TimedOut(f"no change for {self._inactivity} seconds")
        if now - self._last_beat >= self._heartbeat:
            self._last_beat = now
            self._tell("heartbeat")
        waits = [_LONGEST_WAIT, self._last_beat + self._heartbeat - now]
        if self._inactivity is not None:
            waits.append(self._last_change + self._inactivity - now)
        return max(0.0, min(waits))
