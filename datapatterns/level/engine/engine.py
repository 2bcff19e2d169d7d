"""One open LevelDB directory, shared by all handles of this process, safe to close and to fork.

The driver crashes the process when a database is closed during an operation, and can hang when it
is used after a fork. So every operation passes a gate. Closing refuses new operations, waits for
those under way, ends iterators and snapshots, and closes the database last.

Writes that read first (counters, documents, queues) run one after the other under one lock. The
thread that holds the lock carries out all waiting writes, which then share one batch and one fsync.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, TypeVar, TypeVarTuple
from weakref import WeakSet

from datapatterns.errors import Closed, DataError, InvalidArgument, TimedOut, Unavailable
from datapatterns.level.engine.driver import Database, DriverError, reading_failed, writing_failed
from datapatterns.level.engine.keys import enclosing
from datapatterns.level.engine.lane import Lane, PendingWrite
from datapatterns.level.engine.readers import View, Writer
from datapatterns.level.engine.transaction import Hooks, Keepers, RawHook, Transaction

logger = logging.getLogger("datapatterns.level")

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
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

    An operation appends to `busy` and then reads `refusal`; closing sets `refusal` and then reads
    `busy`. So in any order, either the operation is refused or closing waits for it.
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
        """End an iterator or snapshot, unless closing the handle does or did that."""
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
    """Holds one LevelDB, its hooks, its watchers, its write lock and its lane."""

    def __init__(self, path: Path, database: Database) -> None:
        self.path = path
        self.database = database
        self.view = View(database)
        self.handles = 0
        self.refusal: str | None = None  # of writes, once one has failed
        self.hooks: Hooks = {}
        self.keepers: Keepers = {}  # of collections; they run after all hooks
        self.watchers: dict[bytes, list[Watcher]] = {}
        # What the objects of one pattern share in this process, such as the head of a change log.
        self.shared: dict[object, Any] = {}
        self._sharing = threading.Lock()
        self.lane = Lane(self.commit)
        self.gates: WeakSet[Gate] = WeakSet()
        self._lock = threading.Lock()
        self._writer: int | None = None
        self._waiting: deque[PendingWrite[Any]] = deque()

    # --- writing

    def observed(self, key: bytes) -> bool:
        """Return whether a hook, keeper or watcher is registered for writes to this key."""
        if not self.hooks and not self.keepers and not self.watchers:
            return False
        return any(
            prefix in self.hooks or prefix in self.keepers or prefix in self.watchers
            for prefix in enclosing(key)
        )

    def observes(self, writes: Iterable[tuple[bytes, object]]) -> bool:
        """Return whether a hook, keeper or watcher is registered for one of these writes."""
        if not self.hooks and not self.keepers and not self.watchers:
            return False
        return any(self.observed(key) for key, _ in writes)

    def write(self, step: Callable[[Writer, *Ts], T], *args: *Ts, sync: bool) -> T:
        """Run the step in a transaction and store its writes; the caller has passed its gate."""
        if self._writer == threading.get_ident():
            raise InvalidArgument("a hook writes by adding to the batch it is given")
        write = PendingWrite(step, args, sync=sync)
        self._waiting.append(write)
        with self._lock:
            if not write.done:
                self._commit_locked(self._take_waiting())
        return write.result()

    def commit(self, writes: Iterable[PendingWrite[Any]]) -> None:
        """Store these writes in one batch; afterwards each has its own outcome."""
        with self._lock:
            self._commit_locked(list(writes))

    def _take_waiting(self) -> list[PendingWrite[Any]]:
        """Take all waiting writes, the caller's own among them, since it was added before."""
        return [self._waiting.popleft() for _ in range(len(self._waiting))]

    def _commit_locked(self, pending: list[PendingWrite[Any]]) -> None:
        self._writer = threading.get_ident()
        try:
            for at in range(0, len(pending), _GROUP):
                self._commit_group(pending[at : at + _GROUP])
        finally:
            self._writer = None
            for write in pending:
                if not write.done:
                    write.error, write.done = Unavailable("the write was interrupted"), True

    def _commit_group(self, pending: list[PendingWrite[Any]]) -> None:
        group = Transaction(self.view, self.hooks, self.keepers)
        for write in pending:
            self._run(write, group, alone=len(pending) == 1)
        writes = dict(group.writes) if any(write.error is None for write in pending) else {}
        try:
            if writes:
                self.store(writes.items(), sync=any(w.sync for w in pending if not w.error))
        except DataError as error:
            for write in pending:
                if write.error is None:  # an error of its own, since each is raised elsewhere
                    write.error = type(error)(error.detail)
                    write.error.__cause__ = error.__cause__
            writes = {}
        for write in pending:
            write.done = True
        self.notify(writes)

    def _run(self, write: PendingWrite[Any], group: Transaction, *, alone: bool) -> None:
        """Run the step of one write within the group and keep its result or its error."""
        # For a step that is alone nothing has to be dropped: if it fails, nothing is stored.
        inner = group if alone else group.nested()
        try:
            write.value = write.step(inner, *write.args)
        except DriverError as error:
            write.error = reading_failed(error)
            write.error.__cause__ = error
        except Exception as error:
            write.error = error
        else:
            if not alone:
                group.absorb(inner)

    def store(self, writes: Iterable[tuple[bytes, bytes | None]], *, sync: bool) -> None:
        """Store the writes in one step; no hook runs and no watcher is called."""
        self.prepare(writes, sync=sync)()

    def prepare(
        self, writes: Iterable[tuple[bytes, bytes | None]], *, sync: bool
    ) -> Callable[[], None]:
        """Prepare what `store` does, and return the one call that touches the directory."""
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
        """Refuse further writes, and return the error to raise for this one.

        LevelDB would accept further writes, but after a half-written record (left by a disk that
        was full for a while) it loses the rest of its log at the next opening.
        """
        self.refusal = "a write to this LevelDB has failed: close all its handles and open it anew"
        return writing_failed(error)

    # --- hooks and watchers

    def share(self, key: object, make: Callable[[], T]) -> T:
        """Return what this process shares under the key; the first request makes it."""
        with self._sharing:
            if key not in self.shared:
                self.shared[key] = make()
            return self.shared[key]

    def add_hook(self, prefix: bytes, hook: RawHook) -> None:
        """Call the hook for every write under the prefix, through any handle."""
        self.hooks = {**self.hooks, prefix: [*self.hooks.get(prefix, ()), hook]}

    def remove_hook(self, prefix: bytes, hook: RawHook) -> None:
        """Stop calling the hook."""
        left = [other for other in self.hooks.get(prefix, ()) if other is not hook]
        self.hooks = {**self.hooks, prefix: left}
        if not left:
            del self.hooks[prefix]

    def watch(self, prefix: bytes, watcher: Watcher) -> Callable[[], None]:
        """Call the watcher after each commit under the prefix; return a function that ends this."""
        self.watchers = {**self.watchers, prefix: [*self.watchers.get(prefix, ()), watcher]}

        def unwatch() -> None:
            left = [other for other in self.watchers.get(prefix, ()) if other is not watcher]
            self.watchers = {**self.watchers, prefix: left}
            if not left:
                del self.watchers[prefix]

        return unwatch

    def notify(self, writes: dict[bytes, bytes | None]) -> None:
        """Call the watchers with what was stored; log what they raise."""
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
        """Close the lane and the database; every handle is shut by now."""
        self.lane.close()
        self.database.close()
