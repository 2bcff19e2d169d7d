# Generated from datapatterns/patterns/_async/changes_worker.py by scripts/unasync.py; do not edit.
"""A changes worker for any backend, which uses the feed by its contract only."""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Generic, TypeVar

from typing_extensions import override

from datapatterns import contracts
from datapatterns.core import signals
from datapatterns.core.backoff import Backoff
from datapatterns.core.changes import Change, ChangesSummary, DeadChange
from datapatterns.core.checks import Duration, check_count, check_flag, check_name, seconds
from datapatterns.core.options import Retry
from datapatterns.core.shards import check_shard, shard_name, shard_of
from datapatterns.core.watermark import Watermark
from datapatterns.core.work_queue import check_backoff
from datapatterns.errors import DataError, InvalidArgument, OutcomeUnknown
from datapatterns.patterns._sync.concurrency import (
    Call,
    Event,
    Every,
    Handler,
    Lanes,
    ending,
    stop_on_signals,
)

M = TypeVar("M")
T = TypeVar("T")

logger = logging.getLogger("datapatterns.changes_worker")

BACKOFF = Backoff()  # between the tries of a handler
_AGAIN = Backoff(base=0.1, cap=10.0)  # between tries to store our own state
_SAVES = 5  # tries to save the last position before it is left to be repeated
_ERROR_LENGTH = 500  # of a dead letter's text: some drivers put whole documents into theirs


class ChangesWorker(contracts.ChangesWorker, Generic[M]):
    """Handles each change at least once, in order for each document, and skips none.

    1. Load the checkpoint and follow the feed from there. Each change gets an arrival number.
    2. Put the change into the lane of its document's id. At most `parallel` handlers run at a time,
       and never two for one document, so each document's changes are handled in order. Reading
       waits while all handlers are busy.
    3. When a handler fails, call it again after the `backoff` (default `Backoff(0.1, 5)`): a number
       of seconds, or a function of the failed attempt (1 at first). The lane waits meanwhile. After
       `max_attempts` store the change in the feed's graveyard; then it counts as done.
    4. Save the watermark as the checkpoint: the position up to which every change that arrived is
       done. It goes by arrival numbers, since positions are opaque. After a crash the changes above
       it are handled again, and none is skipped. It is saved after 50 changes or 1 s
       (`checkpoint_every`), whichever comes first.
    5. At `stop`, SIGINT or SIGTERM read no more, finish the changes that were read within
       `drain_timeout`, save and return. A change that waits for its next attempt is left to the
       next run. At the second time, drop everything; in the sync face a handler under way goes on
       in its thread.

    `shard=(i, n)` handles the ids with `crc32(id in UTF-8) % n == i` and has its own checkpoint.
    Changes that a filter or the shard rejects move the checkpoint, too. A stop before `run` ends
    that run at once. While a checkpoint or a dead letter cannot be stored for a reason that may
    pass, the worker goes on trying. Any other error of the feed or the stores is raised by `run`,
    after draining. With `signals=False` the worker leaves the signals to the application.
    Cancelling `run` cancels the handlers.

    The worker holds at most `4 * parallel` changes in memory. Source: CouchDB's replicator, which
    saves the last sequence below which all changes are written; lanes as in Kafka's parallel
    consumers.
    """

    def __init__(
        self,
        feed: contracts.WorkerFeed[M],
        handler: Callable[[Change[M]], object],
        *,
        name: str,
        parallel: int = 1,
        checkpoints: contracts.Checkpoints | None = None,
        max_attempts: int = 5,
        backoff: Retry = BACKOFF,
        shard: tuple[int, int] = (0, 1),
        drain_timeout: Duration = 30.0,
        checkpoint_every: tuple[int, Duration] = (50, 1.0),
        signals: bool = True,
    ) -> None:
        Handler(handler)  # refuses what it could not call
        self.feed = feed
        self.handler = handler
        self.shard = check_shard(shard)
        self.name = shard_name(check_name("name", name), *shard)
        self.parallel = check_count("parallel", parallel)
        self.checkpoints = feed.checkpoints if checkpoints is None else checkpoints
        self.max_attempts = check_count("max_attempts", max_attempts)
        self.backoff = check_backoff(backoff)
        self.drain_timeout = seconds("drain_timeout", drain_timeout)
        self.checkpoint_every = _pace(checkpoint_every)
        self.signals = check_flag("signals", signals)
        self._busy = threading.Lock()
        self._run = _Run(self)  # the one under way, or the next

    @override
    def run(self) -> ChangesSummary:
        if not self._busy.acquire(blocking=False):
            raise InvalidArgument("this worker is already running")
        try:
            with self._signals():
                return self._run.work()
        finally:
            self._run = _Run(self)
            self._busy.release()

    def _signals(self) -> AbstractContextManager[None]:
        return stop_on_signals(self.stop) if self.signals else nullcontext()

    @override
    def stop(self) -> None:
        self._run.stop()

    @override
    def lag(self) -> int:
        run = self._run
        position = run.position if run.loaded else self.checkpoints.load(self.name)
        return max(0, self.feed.lag(position))

    @override
    def dead_letters(self, limit: int = 100) -> list[DeadChange]:
        return self.feed.graveyard.list(self.name, limit)


class _Run(Generic[M]):
    """One run of a worker.

    A handler that was abandoned may end after its run; it has no effect on the next one.
    """

    def __init__(self, worker: ChangesWorker[M]) -> None:
        self.worker = worker
        self._about: dict[str, object] = {"worker": worker.name}  # in every record of the log
        self.loaded = False
        self._stopping = Event()
        self._abandoned = Event()
        self._reading = True
        self._failure: BaseException | None = None
        self._left = set[str]()  # ids of which a change is left to the next run
        self._lock = threading.Lock()  # guards the three lines below; never held while waiting
        self._watermark = Watermark()
        self._done = self._dead = 0
        self._fresh = 0  # done since the last save
        self._saved: str | None = None
        self._save_failures, self._save_not_before = 0, 0.0
        self._lag_not_before = 0.0
        self._lanes = Lanes(worker.parallel, on_error=self._fail)
        self._saving = Every(worker.checkpoint_every[1], self._save_often)
        # Repeated, since a feed that was about to start reading may have missed a single stop.
        self._obeying = Every(1.0, self._obey)

    @property
    def position(self) -> str | None:
        """Return the position up to which all changes are done."""
        with self._lock:
            return self._watermark.position

    def stop(self) -> None:
        """Stop at the first call, abandon at the second; a signal handler may call this."""
        (self._abandoned if self._stopping.is_set() else self._stopping).set()
        self._obeying.now()

    def work(self) -> ChangesSummary:
        """Load the checkpoint, handle changes until stopped, and save the last position."""
        self.loaded, self._saved = self._insist(self._load)
        if self.loaded:
            self._watermark = Watermark(self._saved)
            with Handler(self.worker.handler) as handler, self._lanes:
                with self._obeying, self._saving:
                    self._read_and_drain(handler)
            self._save_last()
        if self._failure is not None:
            raise self._failure
        return ChangesSummary(self._done - self._dead, self._dead, self.position)

    def _read_and_drain(self, handler: Handler) -> None:
        try:
            self._read(handler)
        except Exception as error:
            self._fail(error)
        self._reading = False
        if not self._lanes.drain(self.worker.drain_timeout):
            message = "%s: stopped before all was done; it will be repeated"
            logger.warning(message, self.worker.name, extra=self._about)

    def _read(self, handler: Handler) -> None:
        shard, shards = self.worker.shard
        feed = self.worker.feed.follow(self._saved, passed=self._skip)
        with ending(feed) as changes:
            for change in changes:
                if self._stopping.is_set():
                    return
                if shard_of(change.id, shards) != shard:
                    self._skip(change.seq)
                    continue
                with self._lock:
                    number = self._watermark.start(change.seq)
                job = functools.partial(self._do, handler, number, change)
                if not self._lanes.submit(change.id, job):
                    return

    def _skip(self, seq: str) -> None:
        with self._lock:
            self._watermark.skip(seq)

    def _do(self, handler: Handler, number: int, change: Change[M]) -> None:
        if change.id in self._left:  # a later change must not overtake the one that is left
            return
        done = False
        try:
            done = self._handle(handler, change)
        finally:
            if not done:
                self._left.add(change.id)
        if done:
            with self._lock:
                self._watermark.done(number)
                self._done += 1
                self._fresh += 1
                full = self._fresh >= self.worker.checkpoint_every[0]
            if full:
                self._saving.now()

    def _handle(self, handler: Handler, change: Change[M]) -> bool:
        """Return True once the change is handled or buried, False if it is left to the next run."""
        text, attempts = "", self.worker.max_attempts
        for attempt in range(1, attempts + 1):
            if attempt > 1 and self._stopping.wait(self.worker.backoff(attempt - 1)):
                return False
            try:
                handler(change)
            except Exception as error:
                text = f"{type(error).__name__}: {error}"[:_ERROR_LENGTH]
                logger.warning(
                    "%s: attempt %d of %d failed",
                    self.worker.name,
                    attempt,
                    attempts,
                    exc_info=True,
                    extra={**self._about, "change_id": change.id, "attempt": attempt},
                )
            else:
                return True
        return self._bury(DeadChange(change.id, change.seq, attempts, text))

    def _bury(self, dead: DeadChange) -> bool:
        add = functools.partial(self.worker.feed.graveyard.add, self.worker.name, dead)
        buried, _ = self._insist(add)
        if buried:
            with self._lock:
                self._dead += 1
        return buried

    def _load(self) -> str | None:
        return self.worker.checkpoints.load(self.worker.name)

    def _insist(self, call: Call[T]) -> tuple[bool, T | None]:
        """Call until it succeeds and return True and the result; False if stopped before that."""
        failures = 0
        while True:
            try:
                return True, call()
            except Exception as error:
                if not _may_pass(error):
                    raise
                failures += 1
                about = {**self._about, "failures": failures}
                logger.warning("%s: %s, trying again", self.worker.name, error, extra=about)
            if self._stopping.wait(_AGAIN(failures)):
                return False, None

    def _save_often(self) -> None:
        if time.monotonic() >= self._save_not_before:
            self._save()
        if signals.ON and time.monotonic() >= self._lag_not_before:
            self._tell_lag()

    def _tell_lag(self) -> None:
        """Report the lag to OpenTelemetry, seldom enough to cost next to nothing."""
        started = time.monotonic()
        try:
            lag = self.worker.feed.lag(self.position)
            signals.behind(self.worker.name, max(0, lag))
        except (
            Exception
        ) as error:  # only a figure is missing; a failure that matters shows elsewhere
            about = {**self._about, "error": repr(error)}
            logger.debug("%s: the lag is not known", self.worker.name, extra=about)
        now = time.monotonic()
        # Some feeds count the changes one by one: this takes at most a twentieth of the time.
        self._lag_not_before = now + max(signals.LAG_EVERY, 20 * (now - started))

    def _save_last(self) -> None:
        for attempt in range(1, _SAVES + 1):
            if self._save() or self._abandoned.wait(_AGAIN(attempt)):
                return
        message = "%s: the last position is not saved; some is repeated"
        logger.error(message, self.worker.name, extra=self._about)

    def _save(self) -> bool:
        """Save the watermark; return False if that must be tried again."""
        with self._lock:
            position, self._fresh = self._watermark.position, 0
        if position is None or position == self._saved:
            return True
        try:
            self.worker.checkpoints.save(self.worker.name, position)
        except Exception as error:
            if not _may_pass(error):
                self._fail(error)
                return True
            self._save_failures += 1
            self._save_not_before = time.monotonic() + _AGAIN(self._save_failures)
            about = {**self._about, "failures": self._save_failures}
            message = "%s: checkpoint not saved: %s"
            logger.warning(message, self.worker.name, error, extra=about)
            return False
        self._saved, self._save_failures = position, 0
        return True

    def _fail(self, error: BaseException) -> None:
        """Keep the first error that ends the run, log the others, and stop."""
        if self._failure is None:
            self._failure = error
        else:
            message = "%s: failed once more"
            logger.error(message, self.worker.name, exc_info=error, extra=self._about)
        self._stopping.set()
        self._obeying.now()

    def _obey(self) -> None:
        if self._stopping.is_set():
            self._lanes.close()
            if self._reading:
                self.worker.feed.stop()
        if self._abandoned.is_set():
            self._lanes.abandon()


def _may_pass(error: Exception) -> bool:
    """Return whether to repeat a call that stores our state, which has its effect only once."""
    return isinstance(error, DataError) and (error.retryable or isinstance(error, OutcomeUnknown))


def _pace(checkpoint_every: tuple[int, Duration]) -> tuple[int, float]:
    """Return the number of changes and the seconds; raise InvalidArgument unless above 0."""
    match checkpoint_every:
        case (changes, duration):
            least = 0.000_001
            number = check_count("checkpoint_every[0]", changes)
            return number, seconds("checkpoint_every[1]", duration, least=least)
        case _:  # pyright: ignore[reportUnnecessaryComparison] - callers may be untyped
            raise InvalidArgument("checkpoint_every must be a pair: changes and a duration")
