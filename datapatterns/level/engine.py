"""One open LevelDB directory: shared by all handles of this process, safe to close and to fork.

The driver crashes the process when a database is closed under an operation, and can hang when it
is used after a fork. So every operation passes a gate: closing first refuses new ones, then waits
for those under way, then ends iterators and snapshots, then the database.

Writes that read first (counters, documents, queues) run one after the other under one lock. Who
holds the lock does the work of all who wait for it: their writes share one batch and one fsync.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, TypeVar
from weakref import WeakSet

from datapatterns.errors import Closed, DataError, InvalidArgument, TimedOut, Unavailable
from datapatterns.level.driver import Database, DriverError, reading_failed, writing_failed
from datapatterns.level.keys import enclosing
from datapatterns.level.lane import Job, Lane
from datapatterns.level.transaction import Hooks, Keepers, RawHook, Transaction

logger = logging.getLogger("datapatterns.level")

T = TypeVar("T")
Watcher = Callable[[dict[bytes, "bytes | None"]], None]

_CLOSE_TIMEOUT = 60.0  # seconds to wait for operations under way
_GROUP = 1_000  # writes that share one batch, at most


class Closable(Protocol):
    """An iterator or a snapshot, which must end before its database."""

    def close(self) -> None:
        """End it; harmless when repeated."""
        ...


class Gate:
    """Counts the operations under way on one handle, so that closing it can wait for them.

    An operation appends to `busy`, then looks at `refusal`; closing sets `refusal`, then looks at
    `busy`. Whichever comes first, one of them sees the other.
    """

    def __init__(self) -> None:
        self.busy: list[None] = []
        self.refusal: str | None = None
        # The driver's iterators and snapshots. They are kept alive here: the driver would release
        # a forgotten snapshot at any time, also while the database is being closed.
        self.open: set[Closable] = set()
        self.at_shut: list[Callable[[], None]] = []
        self.closing = threading.Lock()
        self.released = False
        self.usable = True  # False in a forked child, where the driver must not be touched

    def __enter__(self) -> None:
        self.busy.append(None)
        if self.refusal is not None:
            self.busy.pop()
            raise Closed(self.refusal)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.busy.pop()

    def end(self, resource: Closable) -> None:
        """End an iterator or snapshot, unless closing the handle does that, or has done it."""
        self.busy.append(None)
        try:
            if self.refusal is None:
                self.open.discard(resource)
                resource.close()
        finally:
            self.busy.pop()

    def shut(self) -> None:
        """Refuse new operations, wait for those under way, end iterators and snapshots."""
        self.refusal = self.refusal or "this LevelDB is closed"
        deadline = time.monotonic() + _CLOSE_TIMEOUT
        pause = 0.0001
        while self.busy:
            if time.monotonic() > deadline:
                raise TimedOut("operations are still under way; call close() again")
            time.sleep(pause)
            pause = min(0.01, pause * 2)
        while self.open:
            self.open.pop().close()
        while self.at_shut:
            self.at_shut.pop()()


class Engine:
    """One LevelDB, its hooks, its watchers, its write lock and its lane."""

    def __init__(self, path: Path, database: Database) -> None:
        self.path = path
        self.database = database
        self.handles = 0
        self.refusal: str | None = None  # of writes, once one has failed
        self.hooks: Hooks = {}
        self.keepers: Keepers = {}  # of collections; they run after all hooks
        self.watchers: dict[bytes, list[Watcher]] = {}
        # What patterns share within the process, such as the head of a change log, by prefix.
        self.shared: dict[object, Any] = {}
        self._sharing = threading.Lock()
        self.lane = Lane(self.commit)
        self.gates: WeakSet[Gate] = WeakSet()
        self._lock = threading.Lock()
        self._writer: int | None = None
        self._waiting: deque[Job[Any]] = deque()

    # --- writing

    def observed(self, key: bytes) -> bool:
        """Whether any hook or watcher wants to know of writes to this key."""
        if not self.hooks and not self.keepers and not self.watchers:
            return False
        return any(
            prefix in self.hooks or prefix in self.keepers or prefix in self.watchers
            for prefix in enclosing(key)
        )

    def observes(self, writes: Iterable[tuple[bytes, object]]) -> bool:
        """Whether any hook or watcher wants to know of one of these writes."""
        if not self.hooks and not self.keepers and not self.watchers:
            return False
        return any(self.observed(key) for key, _ in writes)

    def write(self, work: Callable[[Transaction], T], *, sync: bool) -> T:
        """Run the work in a transaction of its own and store it; the caller holds its gate."""
        if self._writer == threading.get_ident():
            raise InvalidArgument("a hook writes by adding to the batch it is given")
        job = Job(work, sync)
        self._waiting.append(job)
        with self._lock:
            if not job.done:
                self._commit_locked(self._take_waiting())
        return job.result()

    def commit(self, jobs: Iterable[Job[Any]]) -> None:
        """Store these jobs in one batch; each has its own outcome afterwards."""
        with self._lock:
            self._commit_locked(list(jobs))

    def _take_waiting(self) -> list[Job[Any]]:
        """All that wait, from the front: the lock's holder put its own job there, so it is done."""
        return [self._waiting.popleft() for _ in range(len(self._waiting))]

    def _commit_locked(self, jobs: list[Job[Any]]) -> None:
        self._writer = threading.get_ident()
        try:
            for at in range(0, len(jobs), _GROUP):
                self._commit_group(jobs[at : at + _GROUP])
        finally:
            self._writer = None
            for job in jobs:
                if not job.done:
                    job.error, job.done = Unavailable("the write was interrupted"), True

    def _commit_group(self, jobs: list[Job[Any]]) -> None:
        group = Transaction(self.database, self.hooks, self.keepers)
        for job in jobs:
            # One alone needs nothing taken back: if it fails, there is nothing to store.
            inner = group.nested() if len(jobs) > 1 else group
            try:
                job.value = job.work(inner)
            except DriverError as error:
                job.error = reading_failed(error)
                job.error.__cause__ = error
            except Exception as error:
                job.error = error
            else:
                if inner is not group:
                    group.absorb(inner)
        writes = dict(group.writes) if any(job.error is None for job in jobs) else {}
        try:
            if writes:
                self.store(writes.items(), sync=any(job.sync for job in jobs if not job.error))
        except DataError as error:
            for job in jobs:
                if job.error is None:  # each its own, since each is raised elsewhere
                    job.error = type(error)(error.detail)
                    job.error.__cause__ = error.__cause__
            writes = {}
        for job in jobs:
            job.done = True
        self.notify(writes)

    def store(self, writes: Iterable[tuple[bytes, bytes | None]], *, sync: bool) -> None:
        """Store the writes in one step, as they are: no hook runs, and no watcher is told."""
        self.prepare(writes, sync=sync)()

    def prepare(
        self, writes: Iterable[tuple[bytes, bytes | None]], *, sync: bool
    ) -> Callable[[], None]:
        """What `store` does, all but the call that touches the directory."""
        batch = self.database.write_batch(sync=sync)
        for key, value in writes:
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)

        def write() -> None:
            if self.refusal is not None:
                raise Unavailable(self.refusal)
            try:
                batch.write()
            except DriverError as error:
                raise self.failed(error) from error

        return write

    def failed(self, error: Exception) -> DataError:
        """Refuse further writes, and return what to raise for this one.

        LevelDB would accept them, but what its log holds behind a half-written record (when the
        disk was full for a while) is lost at the next opening.
        """
        self.refusal = "a write to this LevelDB has failed: close all its handles and open it anew"
        return writing_failed(error)

    # --- hooks and watchers

    def share(self, key: object, make: Callable[[], T]) -> T:
        """Return what is shared under the key within this process, made at the first request."""
        with self._sharing:
            if key not in self.shared:
                self.shared[key] = make()
            return self.shared[key]

    def add_hook(self, prefix: bytes, hook: RawHook) -> None:
        """Call the hook for every write under the prefix, whichever handle it comes through."""
        self.hooks = {**self.hooks, prefix: [*self.hooks.get(prefix, ()), hook]}

    def remove_hook(self, prefix: bytes, hook: RawHook) -> None:
        """Call the hook no more."""
        left = [other for other in self.hooks.get(prefix, ()) if other is not hook]
        self.hooks = {**self.hooks, prefix: left}
        if not left:
            del self.hooks[prefix]

    def watch(self, prefix: bytes, watcher: Watcher) -> Callable[[], None]:
        """Call the watcher with what was written under the prefix, and return how to end that."""
        self.watchers = {**self.watchers, prefix: [*self.watchers.get(prefix, ()), watcher]}

        def unwatch() -> None:
            left = [other for other in self.watchers.get(prefix, ()) if other is not watcher]
            self.watchers = {**self.watchers, prefix: left}
            if not left:
                del self.watchers[prefix]

        return unwatch

    def notify(self, writes: dict[bytes, bytes | None]) -> None:
        """Tell the watchers what was stored; what they raise goes to the log."""
        if not self.watchers or not writes:
            return
        heard: dict[bytes, dict[bytes, bytes | None]] = {}
        for key, value in writes.items():
            for prefix in enclosing(key):
                if prefix in self.watchers:
                    heard.setdefault(prefix, {})[key] = value
        for prefix, part in heard.items():
            for watcher in self.watchers.get(prefix, ()):
                try:
                    watcher(part)
                except Exception:
                    logger.exception("a listener to writes failed")

    # --- end

    def close(self) -> None:
        """End the lane and the database; every handle is shut by now."""
        self.lane.close()
        self.database.close()
