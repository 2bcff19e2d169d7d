"""The concurrency that long-running patterns need: here, with threads.

`datapatterns/patterns/_async/concurrency.py` has the same names on asyncio, and is the face to read first.
Every class here that starts a thread is a context manager, and leaves no thread behind but one
whose handler does not return, since a thread cannot be cancelled. All threads are daemons, so that
such a thread does not keep the process alive.
"""
# unasync: by hand

from __future__ import annotations

import inspect
import logging
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from types import FrameType
from typing import Any, Self, TypeVar

from datapatterns.errors import InvalidArgument

logger = logging.getLogger("datapatterns.concurrency")

T = TypeVar("T")
Call = Callable[[], T]
Job = Call[object]

_GRACE = 5.0  # seconds to wait for the end of a thread that was told to end
_LINGER = 10.0  # seconds that a thread without work stays
_PER_LANE = 4  # jobs waiting for each one that runs: enough to keep all busy, few enough to drain


Lock = threading.Lock  # for a short time, taken with `with`


class Semaphore(threading.Semaphore):
    """Lets so many holders in at a time; taken with `with`."""


class Event(threading.Event):
    """A flag to wait for, which any thread may raise, but no signal handler."""


class heeding_cancellation:
    """Do nothing, since a thread cannot be cancelled."""

    __slots__ = ()

    def __enter__(self) -> None:
        return None

    def __exit__(self, *error: object) -> None:
        return None


class Every:
    """Calls `fn` every so many seconds, on a thread beside the code in its `with` block.

    The time counts from the start of a call to the start of the next. An error of `fn` is logged,
    and the calls go on. When the block is left, a running call has some seconds to finish.
    """

    def __init__(self, seconds: float, fn: Job) -> None:
        self._seconds = seconds
        self._fn = fn
        self._due = Event()
        self._over = False
        self._thread = threading.Thread(target=self._run, name="datapatterns-every", daemon=True)

    def now(self) -> None:
        """Call `fn` now, or once more if it is running; any thread may do so."""
        self._due.set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over = True
        self._due.set()
        self._thread.join(_GRACE)

    def _run(self) -> None:
        due = time.monotonic() + self._seconds
        while True:
            self._due.wait(max(0.0, due - time.monotonic()))
            if self._over:
                return
            self._due.clear()
            due = time.monotonic() + self._seconds
            try:
                self._fn()
            except Exception:
                logger.exception("a call that is due every %s seconds failed", self._seconds)


class Lanes:
    """Runs at most `parallel` jobs at a time, and the jobs of one key one by one, in order.

    Each key with jobs is a lane. A free thread takes the lane that has waited longest, runs its
    first job and puts the lane behind the others. At most `outstanding` jobs are held; `submit`
    waits for room, which bounds the memory. An exception of a job is passed to `on_error`.

    Source: keyed ordering as in Kafka's parallel consumers; one queue a key, one runner a queue.
    """

    def __init__(
        self,
        parallel: int,
        *,
        on_error: Callable[[BaseException], object],
        outstanding: int | None = None,
    ) -> None:
        self._parallel = parallel
        self._room = _PER_LANE * parallel if outstanding is None else outstanding
        self._on_error = on_error
        self._lanes: dict[str, deque[Job]] = {}
        self._ready: deque[str] = deque()
        self._threads: set[threading.Thread] = set()
        self._idle = 0
        self._outstanding = 0
        self._closed = self._abandoned = self._over = False
        lock = threading.Lock()
        self._work = threading.Condition(lock)  # a lane is ready, or all is over
        self._changed = threading.Condition(lock)  # a job is finished, or no more are taken

    def submit(self, key: str, job: Job) -> bool:
        """Wait for room and take the job; return False, without taking it, once closed."""
        with self._changed:
            while self._outstanding >= self._room and not self._closed:
                self._changed.wait()
            if self._closed:
                return False
            self._outstanding += 1
            if key in self._lanes:
                self._lanes[key].append(job)
                return True
            self._lanes[key] = deque([job])
            self._line_up(key)
            if len(self._ready) > self._idle and len(self._threads) < self._parallel:
                thread = threading.Thread(target=self._run, name="datapatterns-lane", daemon=True)
                self._threads.add(thread)
                thread.start()
            return True

    def close(self) -> None:
        """Take no more jobs."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def drain(self, timeout: float) -> bool:
        """Close, and return whether every job was finished within so many seconds."""
        self.close()
        with self._changed:
            self._changed.wait_for(lambda: self._outstanding == 0 or self._abandoned, timeout)
            return self._outstanding == 0

    def abandon(self) -> None:
        """Close, drop the jobs that have not begun, and leave the others, whose threads then end."""
        with self._changed:
            self._closed = self._abandoned = self._over = True
            self._ready.clear()
            self._changed.notify_all()
            self._work.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.abandon()
        with self._changed:
            threads, busy = tuple(self._threads), self._outstanding > 0
        for thread in () if busy else threads:
            thread.join(_GRACE)

    def _run(self) -> None:
        while (job := self._take()) is not None:
            key, call = job
            try:
                call()
            except BaseException as error:  # SystemExit too: a thread would drop it silently
                self._on_error(error)
            self._finish(key)

    def _take(self) -> tuple[str, Job] | None:
        with self._work:
            self._idle += 1
            try:
                self._work.wait_for(lambda: bool(self._ready) or self._over, _LINGER)
            finally:
                self._idle -= 1
            if not self._ready:
                # Under the same lock as the look: a job submitted in between would wait for a
                # thread that is about to go.
                self._threads.discard(threading.current_thread())
                return None
            key = self._ready.popleft()
            return key, self._lanes[key][0]

    def _finish(self, key: str) -> None:
        with self._changed:
            lane = self._lanes[key]
            lane.popleft()
            if not lane:
                del self._lanes[key]
            elif not self._abandoned:
                self._line_up(key)
            self._outstanding -= 1
            self._changed.notify_all()

    def _line_up(self, key: str) -> None:
        self._ready.append(key)
        self._work.notify()


class Handler:
    """A user's function; an async one raises InvalidArgument, since nothing would run it."""

    def __init__(self, fn: Callable[..., object]) -> None:
        if not callable(fn):
            raise InvalidArgument("the handler must be callable")
        forms = (fn, type(fn).__call__)  # the second for an object that can be called
        if any(inspect.isgeneratorfunction(f) or inspect.isasyncgenfunction(f) for f in forms):
            raise InvalidArgument("the handler must not be a generator: calling it does nothing")
        if any(map(inspect.iscoroutinefunction, forms)):
            raise InvalidArgument("an async handler needs the async face")
        self._fn = fn

    def __call__(self, *args: Any) -> Any:
        """Call the function and return its result; raise InvalidArgument for a coroutine."""
        result = self._fn(*args)
        if inspect.iscoroutine(result):
            result.close()
            raise InvalidArgument("the handler returned a coroutine, which needs the async face")
        return result

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        return None


@contextmanager
def ending(iterator: Iterator[T]) -> Generator[Iterator[T], None, None]:
    """Close the iterator, if it is a generator, when the block is left."""
    try:
        yield iterator
    finally:
        close = getattr(iterator, "close", None)
        if close is not None:
            close()


_stops: list[Callable[[], object]] = []
_replaced: dict[signal.Signals, Any] = {}
_signals: SimpleQueue[int | None] = SimpleQueue()


@contextmanager
def stop_on_signals(stop: Callable[[], object]) -> Generator[None, None, None]:
    """Call `stop` at each SIGINT and SIGTERM within the block; outside the main thread do nothing.

    Blocks may be nested: a signal stops all of them, and the outermost one restores the former
    handlers. `stop` runs on a thread of its own, since it takes locks, and a signal handler may
    interrupt the code that holds one; SimpleQueue.put is one of the few calls that are safe there.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _stops.append(stop)
    thread = threading.Thread(target=_obey, name="datapatterns-signals", daemon=True)
    thread.start()
    try:
        if len(_stops) == 1:
            _install()
        yield
    finally:
        if len(_stops) == 1:
            _restore()
        _signals.put(None)
        thread.join(_GRACE)
        _stops.remove(stop)


def _install() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(ValueError):  # not the main interpreter
            _replaced[number] = signal.signal(number, _on_signal)


def _restore() -> None:
    while _replaced:
        number, former = _replaced.popitem()
        if signal.getsignal(number) is _on_signal:
            signal.signal(number, signal.SIG_DFL if former is None else former)


def _on_signal(number: int, frame: FrameType | None) -> None:
    _signals.put(number)


def _obey() -> None:
    while _signals.get() is not None:
        for stop in tuple(_stops):
            stop()
