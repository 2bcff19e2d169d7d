"""A changes worker for any backend: it knows the feed by its contract only."""

from __future__ import annotations

import functools
import logging
import math
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Generic, TypeVar

from datapatterns._async.concurrency import (
    AsyncEvent,
    AsyncEvery,
    AsyncHandler,
    AsyncLanes,
    ending,
    stop_on_signals,
)
from datapatterns._async.contracts import AsyncCheckpoints, AsyncWorkerFeed
from datapatterns.backoff import Backoff
from datapatterns.changes import Change, ChangesSummary, DeadChange
from datapatterns.errors import DataError, InvalidArgument, OutcomeUnknown
from datapatterns.names import check_name
from datapatterns.shards import shard_name, shard_of
from datapatterns.watermark import Watermark

M = TypeVar("M")
T = TypeVar("T")

logger = logging.getLogger("datapatterns.changes_worker")

_AGAIN = Backoff(base=0.1, cap=10.0)  # between tries to store our own state
_SAVES = 5  # tries to save the last position before it is left to be repeated
_ERROR_LENGTH = 500  # of a dead letter's text: some drivers put whole documents into theirs


class AsyncChangesWorker(Generic[M]):
    """Handles each change at least once, in order for each document, and skips none.

    1. Load the checkpoint and follow the feed from there. Each change gets an arrival number.
    2. Send it down the lane of its document's id: at most `parallel` handlers run at a time, never
       two for one document, so order is kept where it matters. Reading waits while they are full.
    3. A handler that fails is called again after `backoff(attempt)` seconds, its lane waiting. After
       `max_attempts` the change goes to the feed's graveyard, which counts as done.
    4. Save as checkpoint the watermark: the position below which every arrival is done. It goes by
       arrival numbers, since positions are opaque. A crash thus repeats what was above and skips
       nothing. It is saved after 50 handled changes or 1 s (`checkpoint_every`), whichever is first.
    5. `stop`, from anywhere, SIGINT or SIGTERM: read no more, finish what was read within
       `drain_timeout`, save, return. A change that waits for its next try is left to the next run.
       The second time: drop everything; in the sync face a handler under way goes on in its thread.

    `shard=(i, n)` handles the ids with `crc32(id in UTF-8) % n == i`, under a checkpoint of its own.
    What a filter or the shard rejects moves the checkpoint too. A stop before `run` ends that run.
    While a checkpoint or a dead letter cannot be stored, for a reason that may pass, the worker goes
    on trying. Any other error of the feed or the stores is raised by `run`, after draining. With
    `signals=False` it leaves the signals to the application that it runs in. Cancelling `run`
    cancels the handlers.

    Memory is bounded by `4 * parallel` changes. Source: CouchDB's replicator, which checkpoints the
    last sequence below which all are written; lanes as in Kafka's parallel consumers.
    """

    def __init__(
        self,
        feed: AsyncWorkerFeed[M],
        handler: Callable[[Change[M]], object],
        *,
        name: str,
        parallel: int = 1,
        checkpoints: AsyncCheckpoints | None = None,
        max_attempts: int = 5,
        backoff: Callable[[int], float] = Backoff(),  # noqa: B008  # immutable
        shard: tuple[int, int] = (0, 1),
        drain_timeout: float = 30.0,
        checkpoint_every: tuple[int, float] = (50, 1.0),
        signals: bool = True,
    ) -> None:
        AsyncHandler(handler)  # refuses what it could not call
        _check(parallel, max_attempts, shard, drain_timeout, checkpoint_every)
        self.feed = feed
        self.handler = handler
        self.name = shard_name(check_name("name", name), *shard)
        self.parallel = parallel
        self.checkpoints = feed.checkpoints if checkpoints is None else checkpoints
        self.max_attempts = max_attempts
        self.backoff = backoff
        self.shard = shard
        self.drain_timeout = drain_timeout
        self.checkpoint_every = checkpoint_every
        self.signals = signals
        self._busy = threading.Lock()
        self._run = _AsyncRun(self)  # the one under way, or the next

    async def run(self) -> ChangesSummary:
        """Work until stopped and return what was done; raise what cannot pass by itself."""
        if not self._busy.acquire(blocking=False):
            raise InvalidArgument("this worker is already running")
        try:
            with self._signals():
                return await self._run.work()
        finally:
            self._run = _AsyncRun(self)
            self._busy.release()

    def _signals(self) -> AbstractContextManager[None]:
        return stop_on_signals(self.stop) if self.signals else nullcontext()

    def stop(self) -> None:
        """Read nothing more; a second call abandons what is under way."""
        self._run.stop()

    async def lag(self) -> int:
        """Return how many changes the feed has after the position up to which all is done."""
        run = self._run
        position = run.position if run.loaded else await self.checkpoints.load(self.name)
        return max(0, await self.feed.lag(position))

    async def dead_letters(self, limit: int = 100) -> list[DeadChange]:
        """Return the changes given up, the oldest first."""
        return await self.feed.graveyard.list(self.name, limit)


class _AsyncRun(Generic[M]):
    """One run of a worker: what outlives it, such as an abandoned handler, touches no other run."""

    def __init__(self, worker: AsyncChangesWorker[M]) -> None:
        self.worker = worker
        self.loaded = False
        self._stopping = AsyncEvent()
        self._abandoned = AsyncEvent()
        self._reading = True
        self._failure: BaseException | None = None
        self._left = set[str]()  # ids of which a change was given back undone
        self._lock = threading.Lock()  # guards the three lines below; never held while waiting
        self._watermark = Watermark()
        self._handled = self._dead = 0
        self._fresh = 0  # handled since the last save
        self._saved: str | None = None
        self._save_failures, self._save_not_before = 0, 0.0
        self._lanes = AsyncLanes(worker.parallel, on_error=self._fail)
        self._saving = AsyncEvery(worker.checkpoint_every[1], self._save_often)
        # A beat, since a feed that was about to start reading may have missed the call to stop.
        self._obeying = AsyncEvery(1.0, self._obey)

    @property
    def position(self) -> str | None:
        """Up to where all is done."""
        with self._lock:
            return self._watermark.position

    def stop(self) -> None:
        """The first time stop, the second time abandon; signal handlers come here too."""
        (self._abandoned if self._stopping.is_set() else self._stopping).set()
        self._obeying.now()

    async def work(self) -> ChangesSummary:
        """Load, read, drain, save."""
        self.loaded, self._saved = await self._insist(self._load)
        if self.loaded:
            self._watermark = Watermark(self._saved)
            async with AsyncHandler(self.worker.handler) as handler, self._lanes:
                async with self._obeying, self._saving:
                    await self._read_and_drain(handler)
            await self._save_last()
        if self._failure is not None:
            raise self._failure
        return ChangesSummary(self._handled, self._dead, self.position)

    async def _read_and_drain(self, handler: AsyncHandler) -> None:
        try:
            await self._read(handler)
        except Exception as error:
            self._fail(error)
        self._reading = False
        if not await self._lanes.drain(self.worker.drain_timeout):
            logger.warning("%s: stopped before all was done; it will be repeated", self.worker.name)

    async def _read(self, handler: AsyncHandler) -> None:
        shard, shards = self.worker.shard
        feed = self.worker.feed.follow(self._saved, passed=self._skip)
        async with ending(feed) as changes:
            async for change in changes:
                if self._stopping.is_set():
                    return
                if shard_of(change.id, shards) != shard:
                    self._skip(change.seq)
                    continue
                with self._lock:
                    number = self._watermark.start(change.seq)
                job = functools.partial(self._do, handler, number, change)
                if not await self._lanes.submit(change.id, job):
                    return

    def _skip(self, seq: str) -> None:
        with self._lock:
            self._watermark.skip(seq)

    async def _do(self, handler: AsyncHandler, number: int, change: Change[M]) -> None:
        """Handle the change in its lane, and tell the watermark if that was done."""
        if change.id in self._left:  # a later change must not overtake the one given back
            return
        dead = done = False
        try:
            error = await self._attempt(handler, change)
            dead = error is not None
            done = not dead or await self._bury(change, error or "")
        finally:
            if not done:
                self._left.add(change.id)
        if done:
            self._done(number, dead)
