# Generated from datapatterns/_async/changes_worker.py by scripts/unasync.py; do not edit.
"""A changes worker for any backend: it knows the feed by its contract only."""

from __future__ import annotations

import functools
import logging
import math
import re
import threading
import time
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Generic, TypeVar

from datapatterns._sync.contracts import Checkpoints, WorkerFeed

from datapatterns._sync.concurrency import (
    Event,
    Every,
    Handler,
    Lanes,
    ending,
    stop_on_signals,
)
from datapatterns.backoff import Backoff
from datapatterns.changes import Change, ChangesSummary, DeadChange
from datapatterns.errors import DataError, InvalidArgument, OutcomeUnknown
from datapatterns.names import check_name
from datapatterns.watermark import Watermark

M = TypeVar("M")

logger = logging.getLogger("datapatterns.changes_worker")

_SAVES = 5  # tries to save the last position before it is left to be repeated
_ERROR_LENGTH = 500  # of a dead letter's text: some drivers put whole documents into theirs


class ChangesWorker(Generic[M]):
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
        feed: WorkerFeed[M],
        handler: Callable[[Change[M]], object],
        *,
        name: str,
        parallel: int = 1,
        checkpoints: Checkpoints | None = None,
        max_attempts: int = 5,
        backoff: Callable[[int], float] = Backoff(),  # noqa: B008  # immutable
        shard: tuple[int, int] = (0, 1),
        drain_timeout: float = 30.0,
        checkpoint_every: tuple[int, float] = (50, 1.0),
        signals: bool = True,
    ) -> None:
        Handler(handler)  # refuses what it could not call
        _check(parallel, max_attempts, shard, drain_timeout, checkpoint_every)
        self.feed = feed
        self.handler = handler
        self.name = checkpoint_name(check_name("name", name), shard)
        self.parallel = parallel
        self.checkpoints = feed.checkpoints if checkpoints is None else checkpoints
        self.max_attempts = max_attempts
        self.backoff = backoff
        self.shard = shard
        self.drain_timeout = drain_timeout
        self.checkpoint_every = checkpoint_every
        self.signals = signals
        self._busy = threading.Lock()
        self._run = _Run(self)  # the one under way, or the next

    def run(self) -> ChangesSummary:
        """Work until stopped and return what was done; raise what cannot pass by itself."""
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

    def stop(self) -> None:
        """Read nothing more; a second call abandons what is under way."""
        self._run.stop()

    def lag(self) -> int:
        """Return how many changes the feed has after the position up to which all is done."""
        watermark = self._run.watermark
        if watermark is None:
            position = self.checkpoints.load(self.name)
        else:
            position = watermark.position
        return max(0, self.feed.lag(position))

    def dead_letters(self, limit: int = 100) -> list[DeadChange]:
        """Return the changes given up, the oldest first."""
        return self.feed.graveyard.list(self.name, limit)


class _Run(Generic[M]):
    """One run of a worker: whatever outlives it, such as an abandoned handler, changes no other."""

    def __init__(self, worker: ChangesWorker[M]) -> None:
        self.worker = worker
        self.watermark: Watermark | None = None
        self._summary = ChangesSummary()
        self._failure: BaseException | None = None
        self._stopping = Event()
        self._abandoned = Event()
        self._reading = True
        self._left = set[str]()  # ids with a change that was given back undone
        self._lock = threading.Lock()  # around what follows; never held while waiting
        self._marks = Watermark()
        self._fresh = 0  # handled since the last save
        self._saved: str | None = None
        self._save_failures = 0
        self._save_not_before = 0.0
        seconds = worker.checkpoint_every[1]
        self._saving = Every(seconds, self._save_often)
        # Also a beat: a feed that was just about to start may have missed the call to stop it.
        self._obeying = Every(1.0, self._obey)
        self._lanes = Lanes(worker.parallel, on_error=self._fail)

    def stop(self) -> None:
        (self._abandoned if self._stopping.is_set() else self._stopping).set()
        self._obeying.now()

    def work(self) -> ChangesSummary:
        loaded, self._saved = self._persist(self._load)
        if loaded:
            self.watermark = self._marks = Watermark(self._saved)
            with Handler(self.worker.handler) as self._call, self._lanes:
                with self._obeying, self._saving:
                    self._read_and_drain()
            self._save_last()
        if self._failure is not None:
            raise self._failure
        return replace(self._summary, checkpoint=self._marks.position)
