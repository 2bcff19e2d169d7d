"""The changes of a collection in LevelDB: read, or followed without end."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any, Generic, TypeVar

from datapatterns.changes import Change, check_pace
from datapatterns.checks import Duration
from datapatterns.documents import Document, load
from datapatterns.errors import DataError, InvalidArgument, TimedOut
from datapatterns.level.collection import REVISION, Collection, Entry, parse
from datapatterns.level.driver import Database, DriverReader
from datapatterns.level.keys import upper_bound
from datapatterns.level.progress import (
    AsyncCheckpoints,
    AsyncGraveyard,
    Checkpoints,
    Graveyard,
    Progress,
)
from datapatterns.level.space import HasSpace
from datapatterns.level.transaction import Transaction
from datapatterns.pages import check_limit

logger = logging.getLogger("datapatterns.level")

M = TypeVar("M", bound=Document)

_BATCH = 100  # changes read in one step
_LONGEST_WAIT = 1.0  # seconds between two looks around, though every commit wakes


class _ChangesFeed(Generic[M]):
    """What both faces are made of: reading is a work on the database, following waits between."""

    def __init__(
        self,
        client: HasSpace,
        collection: str,
        model: type[M] | None = None,
        *,
        filter: Callable[[Change[M]], bool] | None = None,
        include_docs: bool = True,
        inactivity: Duration | None = None,
        heartbeat: Duration = 30.0,
    ) -> None:
        self._space = client.space
        self._collection = Collection.of(client.space, collection)
        self._model, self._filter, self._include_docs = model, filter, include_docs
        self._heartbeat = check_pace("heartbeat", heartbeat)
        self._inactivity = None if inactivity is None else check_pace("inactivity", inactivity)
        self._listeners: list[Callable[[str, Mapping[str, Any]], Any]] = []
        self._paused = False
        self._stops = 0  # how often stop() was called: it ends only what was begun before
        self._wakers: list[Callable[[], None]] = []
        self._progress = Progress(client.space, collection)

    def on_event(self, fn: Callable[[str, Mapping[str, Any]], Any]) -> None:
        """Call `fn(name, details)` for confirm, connected, heartbeat, caught_up, paused, resumed
        and stopped."""
        self._listeners.append(fn)

    def tell(self, name: str, **details: Any) -> None:
        """Call the listeners; one that fails is logged."""
        for listener in self._listeners:
            try:
                listener(name, details)
            except Exception:
                message = "a listener of a changes feed failed"
                logger.exception(message, extra={"event": name})

    def _position(self, since: str | None) -> Callable[[Database], int]:
        """The number that `since` stands for, as a work on the database."""
        if since is None:
            return lambda database: 0
        if since == "now":
            return self._collection.head
        if not isinstance(since, str) or not since.isascii() or not since.isdigit():  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
            raise InvalidArgument("since is a position of this feed, 'now' or None")
        number = int(since)
        if number >= 2**64:
            raise InvalidArgument("since is a position of this feed, 'now' or None")
        return lambda database: number

    def _next(self, after: int) -> Callable[[Database], list[Change[M]]]:
        return lambda database: self._batch(database, after, _BATCH)

    def _batch(self, database: Database, after: int, limit: int) -> list[Change[M]]:
        """The next changes with their documents, all of one moment."""
        if self._collection.log is None:
            raise InvalidArgument(
                "this collection keeps no change log: its repository says change_log=None"
            )
        snapshot = database.snapshot()
        try:
            entries = islice(self._collection.changes_after(snapshot, after), limit)
            return [self._change(snapshot, entry) for entry in entries]
        finally:
            snapshot.close()

    def _change(self, reader: DriverReader, entry: Entry) -> Change[M]:
        seq = str(entry.number)
        if entry.deleted or not self._include_docs:
            return Change(entry.id, seq, seq, entry.deleted)
        data = reader.get(self._collection.key(entry.id), verify_checksums=True)
        if data is None:  # only in a full log: deleted by a later entry
            return Change(entry.id, seq, seq, entry.deleted)
        return Change(entry.id, seq, seq, entry.deleted, self._document(entry.id, data))

    def _document(self, id: str, data: bytes) -> Any:
        """The document, or the error to raise when somebody looks at it."""
        try:
            fields = parse(data)
            rev = str(fields.pop(REVISION, "0"))
            if self._model is None:
                return {**fields, "id": id, "rev": rev}
            return load(self._model, id, rev, fields)
        except DataError as error:
            return error

    def _wanted(self, change: Change[M]) -> bool:
        return self._filter is None or self._filter(change)

    def _read(self, since: str | None, limit: int) -> Callable[[Database], list[Change[M]]]:
        """Up to `limit` wanted changes; those that the filter rejects are passed over."""
        position = self._position(since)
        check_limit(limit)

        def work(database: Database) -> list[Change[M]]:
            at, wanted = position(database), list[Change[M]]()
            while batch := self._batch(database, at, limit):
                wanted += filter(self._wanted, batch)
                at = int(batch[-1].seq)
                if len(wanted) >= limit:
                    break
            return wanted[:limit]

        return work

    def _lag(self, since: str | None) -> Callable[[Database], int]:
        position = self._position(since)

        def work(database: Database) -> int:
            return sum(1 for _ in self._collection.changes_after(database, position(database)))

        return work

    def _trim(self, transaction: Transaction) -> int:
        """Forget what every worker that ever saved a checkpoint has passed."""
        prefix = self._progress.checkpoints
        saved = [int(value) for _, value in transaction.items(prefix, upper_bound(prefix))]
        return self._collection.trim(min(saved), transaction) if saved else 0

    def pause(self) -> None:
        """Hand out nothing until `resume`."""
        if not self._paused:
            self._paused = True
            self.tell("paused")

    def resume(self) -> None:
        """Hand out again."""
        if self._paused:
            self._paused = False
            self._wake_all()
            self.tell("resumed")

    def stop(self) -> None:
        """End every `follow` that is under way."""
        self._stops += 1
        self._wake_all()

    def _wake_all(self) -> None:
        for wake in list(self._wakers):
            wake()

    @contextmanager
    def _following(self, at: int, wake: Callable[[], None]) -> Generator[Callable[[], bool]]:
        """Wake at each commit, at stop, resume and closing; gives whether to go on."""
        stops = self._stops
        unwatch = self._space.engine.watch(self._collection.changes, lambda _: wake())
        self._wakers.append(wake)
        self._space.gate.at_shut.append(wake)
        self.tell("confirm", seq=str(at))
        self.tell("connected")
        try:
            yield lambda: stops == self._stops
        finally:
            unwatch()
            self._wakers.remove(wake)
            if wake in self._space.gate.at_shut:
                self._space.gate.at_shut.remove(wake)
            self.tell("stopped")


class _Pace:
    """When a feed that waits has to say something, or to give up. Times of the monotonic clock."""

    def __init__(self, feed: _ChangesFeed[Any], heartbeat: float, inactivity: float | None) -> None:
        self._feed = feed
        self._heartbeat, self._inactivity = heartbeat, inactivity
        self._caught_up = False
        self.changed()

    def changed(self) -> None:
        """A change came."""
        self._last_change = self._last_beat = time.monotonic()

    def idle(self, *, paused: bool) -> float:
        """Say what is due while nothing comes, and return for how long to wait; may be TimedOut."""
        now = time.monotonic()
        if paused:
            self.changed()
            return _LONGEST_WAIT
        if not self._caught_up:
            self._caught_up = True
            self._feed.tell("caught_up")
        if self._inactivity is not None and now - self._last_change >= self._inactivity:
            raise TimedOut(f"no change for {self._inactivity} seconds")
        if now - self._last_beat >= self._heartbeat:
            self._last_beat = now
            self._feed.tell("heartbeat")
        waits = [_LONGEST_WAIT, self._last_beat + self._heartbeat - now]
        if self._inactivity is not None:
            waits.append(self._last_change + self._inactivity - now)
        return max(0.0, min(waits))


class ChangesFeed(_ChangesFeed[M]):
    """Notifies of every change of a collection, and never fails for what may pass.

    The change log holds one entry a document, its latest (`change_log="full"` on the repository
    keeps all), written in the document's own batch. Following reads 100 entries at a time from one
    snapshot and, when there are none, waits to be told of the next commit: nothing is polled.
    `since` is a `seq`, "now" or None for the beginning. Only this process can write here, so there
    is no connection to lose; closing the level ends every `follow` with Closed.
    """

    def follow(
        self, since: str | None = None, *, passed: Callable[[str], object] | None = None
    ) -> Iterator[Change[M]]:
        """Iterate over every change after `since`, waiting for the next, until stopped.

        `passed(seq)` is called for changes that the filter rejects. Raises TimedOut after
        `inactivity` seconds without a change, and Closed when the level is closed.
        """
        return self._follow(self._space.read(self._position(since)), passed)

    def _follow(self, at: int, passed: Callable[[str], object] | None) -> Iterator[Change[M]]:
        woken = threading.Event()
        pace = _Pace(self, self._heartbeat, self._inactivity)
        with self._following(at, woken.set) as going:
            while going():
                woken.clear()
                batch = [] if self._paused else self._space.read(self._next(at))
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

    def read(self, since: str | None = None, limit: int = 100) -> list[Change[M]]:
        """Return up to `limit` changes after `since`, without waiting."""
        return self._space.read(self._read(since, limit))

    def now(self) -> str:
        """Return the position of the latest change."""
        return str(self._space.read(self._collection.head))

    def lag(self, since: str | None = None) -> int:
        """Return how many changes there are after `since`."""
        return self._space.read(self._lag(since))

    def trim(self) -> int:
        """Forget deletions (of a full log, all changes) that every known worker has passed."""
        return self._space.write(self._trim)

    @property
    def checkpoints(self) -> Checkpoints:
        """Where workers on this feed keep their positions."""
        return Checkpoints(self._progress)

    @property
    def graveyard(self) -> Graveyard:
        """Where workers on this feed keep the changes they gave up."""
        return Graveyard(self._progress)


class AsyncChangesFeed(_ChangesFeed[M]):
    """`ChangesFeed` for asyncio: the same methods, awaited."""

    def follow(
        self, since: str | None = None, *, passed: Callable[[str], object] | None = None
    ) -> AsyncIterator[Change[M]]:
        """Iterate over every change after `since`, waiting for the next, until stopped.

        `passed(seq)` is called for changes that the filter rejects. Raises TimedOut after
        `inactivity` seconds without a change, and Closed when the level is closed.
        """
        return self._follow(self._space.read(self._position(since)), passed)

    async def _follow(
        self, at: int, passed: Callable[[str], object] | None
    ) -> AsyncIterator[Change[M]]:
        woken = asyncio.Event()
        pace = _Pace(self, self._heartbeat, self._inactivity)
        with self._following(at, _threadsafe(woken.set)) as going:
            while going():
                woken.clear()
                batch = [] if self._paused else await self._space.read_in_lane(self._next(at))
                for change in batch:
                    while self._paused and going():
                        await _wait(woken, pace.idle(paused=True))
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
                    await _wait(woken, pace.idle(paused=self._paused))

    async def read(self, since: str | None = None, limit: int = 100) -> list[Change[M]]:
        """Return up to `limit` changes after `since`, without waiting."""
        return await self._space.read_in_lane(self._read(since, limit))

    async def now(self) -> str:
        """Return the position of the latest change."""
        return str(self._space.read(self._collection.head))

    async def lag(self, since: str | None = None) -> int:
        """Return how many changes there are after `since`."""
        return await self._space.read_in_lane(self._lag(since))

    async def trim(self) -> int:
        """Forget deletions (of a full log, all changes) that every known worker has passed."""
        return await self._space.write_in_lane(self._trim)

    @property
    def checkpoints(self) -> AsyncCheckpoints:
        """Where workers on this feed keep their positions."""
        return AsyncCheckpoints(self._progress)

    @property
    def graveyard(self) -> AsyncGraveyard:
        """Where workers on this feed keep the changes they gave up."""
        return AsyncGraveyard(self._progress)


def _threadsafe(set: Callable[[], None]) -> Callable[[], None]:
    """The same for a caller in any thread, such as the one that commits."""
    loop = asyncio.get_running_loop()

    def call() -> None:
        with suppress(RuntimeError):  # that loop is closed: nobody waits any more
            loop.call_soon_threadsafe(set)

    return call


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
