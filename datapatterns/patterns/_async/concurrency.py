"""The concurrency that long-running patterns need: here, with asyncio.

`datapatterns/patterns/_sync/concurrency.py` has the same names on threads, so that a pattern
written against this module can be generated for the other face. Every class here that starts a task
or a thread is a context manager, and leaves none behind.
"""
# unasync: by hand

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
import logging
import signal
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterable
from contextlib import asynccontextmanager, contextmanager, suppress
from queue import SimpleQueue
from types import FrameType
from typing import Any, Self, TypeVar

from datapatterns.errors import InvalidArgument

logger = logging.getLogger("datapatterns.concurrency")

T = TypeVar("T")
Call = Callable[[], Awaitable[T]]
Job = Call[object]

_GRACE = 5.0  # seconds to wait for the end of a task that was cancelled or told to end
_PER_LANE = 4  # jobs waiting for each one that runs: enough to keep all busy, few enough to drain


class AsyncLock(asyncio.Lock):
    """A lock for a short time, taken with `async with`."""


class AsyncSemaphore(asyncio.Semaphore):
    """Lets so many holders in at a time, the others in turn; taken with `async with`."""


class AsyncEvent:
    """A flag to wait for, which the loop, any thread and any signal handler may raise.

    It takes no lock, since a signal handler may interrupt the code that holds the lock.
    """

    def __init__(self) -> None:
        self._flag = False
        self._waiters: set[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = set()

    def set(self) -> None:
        """Raise the flag and wake all that wait for it."""
        self._flag = True
        for loop, future in tuple(self._waiters):
            with suppress(RuntimeError):  # that loop is closed: nothing waits there any more
                loop.call_soon_threadsafe(_wake, future)

    def clear(self) -> None:
        """Lower the flag."""
        self._flag = False

    def is_set(self) -> bool:
        """Return whether the flag is up."""
        return self._flag

    async def wait(self, timeout: float | None = None) -> bool:
        """Return whether the flag is up, after waiting for it at most so many seconds."""
        loop = asyncio.get_running_loop()
        waiter = (loop, loop.create_future())
        self._waiters.add(waiter)  # first this, then the look: so no `set` falls in between
        try:
            if not self._flag:
                await asyncio.wait({waiter[1]}, timeout=timeout)
            return self._flag
        finally:
            self._waiters.discard(waiter)


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


async def _end(tasks: Iterable[asyncio.Task[None]], grace: float) -> None:
    """Wait for the end of the tasks; after the grace cancel them and wait for that."""
    tasks = set(tasks)
    try:
        if tasks and grace:
            await asyncio.wait(tasks, timeout=grace)
    finally:
        for task in tasks:
            task.cancel()
        if tasks:
            _, stuck = await asyncio.wait(tasks, timeout=_GRACE)
            for task in stuck:
                logger.error("%r does not let itself be cancelled; it is left behind", task)


def _cancelled() -> bool:
    """Return whether the running task itself was cancelled."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


class heeding_cancellation:
    """Raise CancelledError at the end of a driver's call if the task was cancelled meanwhile.

    The `asyncio.wait_for` of Python 3.11, which drivers use, drops a cancellation that comes in the
    moment in which its task is done; a task in a loop would then never end.
    """

    __slots__ = ("_before", "_task")

    def __enter__(self) -> None:
        self._task = asyncio.current_task()
        self._before = 0 if self._task is None else self._task.cancelling()

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        if kind is None and self._task is not None and self._task.cancelling() > self._before:
            raise asyncio.CancelledError


class AsyncEvery:
    """Calls `fn` every so many seconds, beside the code in its `async with` block.

    The time counts from the start of a call to the start of the next. An error of `fn` is logged,
    and the calls go on. When the block is left, a running call has some seconds to finish.
    """

    def __init__(self, seconds: float, fn: Job) -> None:
        self._seconds = seconds
        self._fn = fn
        self._due = AsyncEvent()
        self._over = False
        self._task: asyncio.Task[None] | None = None

    def now(self) -> None:
        """Call `fn` now, or once more if it is running; any thread or signal handler may do so."""
        self._due.set()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="datapatterns-every")
        return self

    async def __aexit__(self, *error: object) -> None:
        self._over = True
        self._due.set()
        if self._task is not None:
            cancelled = isinstance(error[1], asyncio.CancelledError)
            await _end([self._task], 0.0 if cancelled else _GRACE)

    async def _run(self) -> None:
        due = time.monotonic() + self._seconds
        while True:
            await self._due.wait(max(0.0, due - time.monotonic()))
            if self._over:
                return
            self._due.clear()
            due = time.monotonic() + self._seconds
            try:
                await self._fn()
            except Exception:
                logger.exception("a call that is due every %s seconds failed", self._seconds)


class AsyncLanes:
    """Runs at most `parallel` jobs at a time, and the jobs of one key one by one, in order.

    Each key with jobs is a lane. A free runner takes the lane that has waited longest, runs its
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
        self._runners: set[asyncio.Task[None]] = set()
        self._running = 0
        self._outstanding = 0
        self._closed = self._abandoned = False
        self._changed = asyncio.Event()

    async def submit(self, key: str, job: Job) -> bool:
        """Wait for room and take the job; return False, without taking it, once closed."""
        while self._outstanding >= self._room and not self._closed:
            self._changed.clear()
            await self._changed.wait()
        if self._closed:
            return False
        self._outstanding += 1
        if key in self._lanes:
            self._lanes[key].append(job)
            return True
        self._lanes[key] = deque([job])
        self._ready.append(key)
        if self._running < self._parallel:
            self._running += 1
            task = asyncio.create_task(self._run(), name="datapatterns-lane")
            self._runners.add(task)
            task.add_done_callback(self._runners.discard)
        return True

    def close(self) -> None:
        """Take no more jobs."""
        self._closed = True
        self._changed.set()

    async def drain(self, timeout: float) -> bool:
        """Close, and return whether every job was finished within so many seconds."""
        self.close()
        deadline = time.monotonic() + timeout
        with suppress(TimeoutError):
            while self._outstanding and not self._abandoned:
                self._changed.clear()
                async with asyncio.timeout(deadline - time.monotonic()):
                    await self._changed.wait()
        return self._outstanding == 0

    def abandon(self) -> None:
        """Close, drop the jobs that have not begun, and cancel the others."""
        self._abandoned = True
        self._ready.clear()
        self.close()
        for task in tuple(self._runners):
            task.cancel()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        self.abandon()
        await _end(self._runners, 0.0)

    async def _run(self) -> None:
        try:
            while self._ready:
                key = self._ready.popleft()
                try:
                    await self._lanes[key][0]()
                except BaseException as error:  # SystemExit too, which would end the loop
                    if isinstance(error, asyncio.CancelledError) and _cancelled():
                        raise
                    self._on_error(error)
                self._finish(key)
        finally:
            # Here and not in a callback of the task: a job submitted in between would wait for a
            # runner that has ended already.
            self._running -= 1

    def _finish(self, key: str) -> None:
        lane = self._lanes[key]
        lane.popleft()
        if not lane:
            del self._lanes[key]
        elif not self._abandoned:
            self._ready.append(key)
        self._outstanding -= 1
        self._changed.set()


class AsyncHandler:
    """A user's function, sync or async; a sync one runs in a thread and does not block the loop.

    The threads are our own. The interpreter waits at exit for the few threads of asyncio's pool, so
    one handler that hangs would keep the process alive. A thread serves several calls, since
    programs keep connections in thread-local variables. Cancelling a call does not stop its thread.
    """

    def __init__(self, fn: Callable[..., object]) -> None:
        if not callable(fn):
            raise InvalidArgument("the handler must be callable")
        forms = (fn, type(fn).__call__)  # the second for an object that can be called
        if any(inspect.isgeneratorfunction(f) or inspect.isasyncgenfunction(f) for f in forms):
            raise InvalidArgument("the handler must not be a generator: calling it does nothing")
        self._fn = fn
        self._async = any(map(inspect.iscoroutinefunction, forms))
        self._idle: list[_Inbox] = []
        self._over = False

    async def __call__(self, *args: Any) -> Any:
        """Call the function and return its result."""
        try:
            result = self._fn(*args) if self._async else await self._in_thread(*args)
            return await result if inspect.isawaitable(result) else result
        except asyncio.CancelledError as error:
            if _cancelled():
                raise
            # The handler awaited something that was cancelled: a failure, and not our cancellation.
            raise RuntimeError("the handler was cancelled from within") from error

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        self._over = True
        for inbox in self._idle:
            inbox.put(None)

    async def _in_thread(self, *args: Any) -> Any:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_Outcome] = loop.create_future()
        inbox = self._idle.pop() if self._idle else self._thread()

        def answer(outcome: _Outcome) -> None:
            if self._over:
                inbox.put(None)
            else:
                self._idle.append(inbox)
            if not future.done():
                future.set_result(outcome)

        call = functools.partial(contextvars.copy_context().run, self._fn, *args)
        inbox.put((call, lambda outcome: loop.call_soon_threadsafe(answer, outcome)))
        result, error = await future
        if error is not None:
            raise error
        return result

    def _thread(self) -> _Inbox:
        inbox: _Inbox = SimpleQueue()
        args = (inbox,)
        threading.Thread(target=_serve, args=args, name="datapatterns-handler", daemon=True).start()
        return inbox


# What a call returned or raised, as a value: a future refuses to hold StopIteration.
_Outcome = tuple[Any, BaseException | None]
_Inbox = SimpleQueue[tuple[Callable[[], Any], Callable[[_Outcome], object]] | None]


def _serve(inbox: _Inbox) -> None:
    """Make the calls from the inbox and answer each, until None comes."""
    while (work := inbox.get()) is not None:
        call, answer = work
        outcome: _Outcome
        try:
            outcome = (call(), None)
        except BaseException as error:
            outcome = (None, error)
        try:
            answer(outcome)
        except RuntimeError:  # the loop is closed: nothing waits, and no more calls will come
            return


@asynccontextmanager
async def ending(iterator: AsyncIterator[T]) -> AsyncGenerator[AsyncIterator[T], None]:
    """Close the iterator, if it is a generator, when the block is left."""
    try:
        yield iterator
    finally:
        close = getattr(iterator, "aclose", None)
        if close is not None:
            await close()


_stops: list[Callable[[], object]] = []
_replaced: dict[signal.Signals, Any] = {}


@contextmanager
def stop_on_signals(stop: Callable[[], object]) -> Generator[None, None, None]:
    """Call `stop` at each SIGINT and SIGTERM within the block; outside the main thread do nothing.

    Blocks may overlap: a signal stops all of them, and the last one that is left restores the
    former handlers. `stop` runs as a signal handler: it may set an AsyncEvent, and little else.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _stops.append(stop)
    try:
        if len(_stops) == 1:
            _install()
        yield
    finally:
        _stops.remove(stop)
        if not _stops:
            _restore()


def _install() -> None:
    # Not loop.add_signal_handler: it cannot put back what the application had installed with it.
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(ValueError):  # not the main interpreter
            _replaced[number] = signal.signal(number, _on_signal)


def _restore() -> None:
    while _replaced:
        number, former = _replaced.popitem()
        if signal.getsignal(number) is _on_signal:
            signal.signal(number, signal.SIG_DFL if former is None else former)


def _on_signal(number: int, frame: FrameType | None) -> None:
    for stop in tuple(_stops):
        stop()
