# Generated from datapatterns/level/_async/changes.py by scripts/unasync.py; do not edit.
"""The changes of a collection in LevelDB: read, or followed without end."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from typing_extensions import override

from datapatterns._sync import contracts
from datapatterns._sync.concurrency import Event
from datapatterns.changes import Change
from datapatterns.checks import Duration, positive_seconds
from datapatterns.documents import Document
from datapatterns.errors import TimedOut
from datapatterns.level._sync.changes_worker import Checkpoints, Graveyard
from datapatterns.level._sync.level import Level
from datapatterns.level.space import Space
from datapatterns.level.steps.changes import ChangesSteps
from datapatterns.level.steps.changes_worker import ProgressSteps
from datapatterns.level.steps.collection import Collection
from datapatterns.pages import check_limit

logger = logging.getLogger("datapatterns.level")

M = TypeVar("M", bound=Document)

_BATCH = 100  # changes read in one step
_LONGEST_WAIT = 1.0  # seconds between two looks around, though every commit wakes


class ChangesFeed(contracts.WorkerFeed[M]):
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
        self._space = Space.of(client)
        self._collection = Collection.of(self._space, collection)
        self._steps = ChangesSteps(self._collection, model, include_docs=include_docs)
        self._workers = ProgressSteps(self._space.prefix, collection)
        self._filter = filter
        self._heartbeat = positive_seconds("heartbeat", heartbeat)
        self._inactivity = (
            None if inactivity is None else positive_seconds("inactivity", inactivity)
        )
        self._listeners: list[Callable[[str, Mapping[str, Any]], Any]] = []
        self._paused = False
        self._stops = 0  # how often stop() was called: each call ends only earlier `follow`s
        self._wakers: list[Callable[[], None]] = []

    @override
    def on_event(self, fn: Callable[[str, Mapping[str, Any]], Any]) -> None:
        """Call `fn(name, details)` for confirm, connected, heartbeat, caught_up, paused, resumed
        and stopped."""
        self._listeners.append(fn)

    def _tell(self, name: str, **details: Any) -> None:
        for listener in self._listeners:
            try:
                listener(name, details)
            except Exception:
                message = "a listener of a changes feed failed"
                logger.exception(message, extra={"event": name})

    @override
    def follow(
        self, since: str | None = None, *, passed: Callable[[str], object] | None = None
    ) -> Iterator[Change[M]]:
        """Iterate over every change after `since`, waiting for the next, until stopped.

        `passed(seq)` is called for changes that the filter rejects. Raises TimedOut after
        `inactivity` seconds without a change, and Closed when the level is closed.
        """
        # At once, so that whatever is written after this call is heard.
        return self._follow(self._space.read_at_once(self._steps.position, since), passed)

    def _follow(self, at: int, passed: Callable[[str], object] | None) -> Iterator[Change[M]]:
        woken = Event()
        pace = _Pace(self._tell, self._heartbeat, self._inactivity)
        with self._following(at, woken.set) as going:
            while going():
                woken.clear()
                batch: list[Change[M]] = []
                if not self._paused:
                    batch = self._space.scan(self._steps.batch, at, _BATCH)
                for change in batch:
                    while self._paused and going():
                        woken.wait(pace.idle(paused=True))
                        woken.clear()
                    if not going():
                        return
                    at = int(change.seq)
                    pace.changed()
                    if self._wanted(change):
                        yield change
                    elif passed is not None:
                        passed(change.seq)
                if not batch:
                    woken.wait(pace.idle(paused=self._paused))

    @contextmanager
    def _following(self, at: int, wake: Callable[[], None]) -> Generator[Callable[[], bool]]:
        """Wake at each commit, stop, resume and closing; yield what tells whether to go on."""
        stops = self._stops
        unwatch = self._space.engine.watch(self._collection.changes, lambda _: wake())
        self._wakers.append(wake)
        self._space.gate.at_shut.append(wake)
        self._tell("confirm", seq=str(at))
        self._tell("connected")
        try:
            yield lambda: stops == self._stops
        finally:
            unwatch()
            self._wakers.remove(wake)
            if wake in self._space.gate.at_shut:
                self._space.gate.at_shut.remove(wake)
            self._tell("stopped")

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

    @override
    def pause(self) -> None:
        if not self._paused:
            self._paused = True
            self._tell("paused")

    @override
    def resume(self) -> None:
        if self._paused:
            self._paused = False
            self._wake_all()
            self._tell("resumed")

    @override
    def stop(self) -> None:
        self._stops += 1
        self._wake_all()

    def _wake_all(self) -> None:
        for wake in list(self._wakers):
            wake()

    @property
    @override
    def checkpoints(self) -> Checkpoints:
        return Checkpoints(self._space, self._workers)

    @property
    @override
    def graveyard(self) -> Graveyard:
        return Graveyard(self._space, self._workers)


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
        """Report what is due and return how long to wait; TimedOut after the inactivity."""
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
