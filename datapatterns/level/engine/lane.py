"""The lane: one thread that makes the blocking calls of the async face, in the order of submission.

The lane stores waiting writes in one batch with one fsync, and wakes the event loop once for each
such group. A submitted call is carried out whether or not its future is still awaited: cancelling
an await neither undoes nor halves a write.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, TypeVar, TypeVarTuple, cast

from datapatterns.level.engine.driver import DriverError, reading_failed

if TYPE_CHECKING:
    from datapatterns.level.engine.engine import Gate
    from datapatterns.level.engine.readers import Writer

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
Outcome = tuple["asyncio.Future[Any]", Any, BaseException | None]

_GROUP = 1_000  # submissions taken from the queue at once, at most


class PendingWrite(Generic[T]):
    """A step that waits for the engine's write lock, and later its outcome."""

    __slots__ = ("args", "done", "error", "step", "sync", "value")

    def __init__(self, step: Callable[[Writer, *Ts], T], args: tuple[*Ts], *, sync: bool) -> None:
        self.step: Callable[..., T] = step
        self.args: tuple[Any, ...] = args
        self.sync = sync
        self.done = False
        self.value: T | None = None
        self.error: BaseException | None = None

    def result(self) -> T:
        """Return what the step returned, or raise what it raised."""
        if self.error is not None:
            raise self.error
        return cast("T", self.value)


@dataclass(slots=True)
class _Submission:
    """A write or any other blocking call, its future, and the gate of its handle."""

    future: asyncio.Future[Any]
    gate: Gate
    call: PendingWrite[Any] | Callable[[], Any]


class Lane:
    """A queue of calls, and the thread that makes them; the first submission starts the thread."""

    def __init__(self, commit: Callable[[list[PendingWrite[Any]]], None]) -> None:
        self._commit = commit
        self._queue: SimpleQueue[_Submission | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self.waiting: list[None] = []  # one for each submission not finished yet

    def write(self, write: PendingWrite[T], gate: Gate) -> asyncio.Future[T]:
        """Submit a write, which may share a batch with others that wait; return its future."""
        return self._submit(_Submission(asyncio.get_running_loop().create_future(), gate, write))

    def call(self, call: Callable[[], T], gate: Gate) -> asyncio.Future[T]:
        """Submit a blocking call; return its future."""
        return self._submit(_Submission(asyncio.get_running_loop().create_future(), gate, call))

    def _submit(self, item: _Submission) -> asyncio.Future[Any]:
        item.gate.__enter__()
        self.waiting.append(None)
        if self._thread is None:
            with self._starting:
                if self._thread is None:
                    self._thread = threading.Thread(
                        target=self._run, name="datapatterns-lane", daemon=True
                    )
                    self._thread.start()
        self._queue.put(item)
        return item.future

    def close(self) -> None:
        """End the thread once its queue is empty; every gate is shut by now."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()

    def _run(self) -> None:
        while (items := self._take()) is not None:
            for is_write, group in groupby(
                items, key=lambda item: isinstance(item.call, PendingWrite)
            ):
                done = list(group)
                outcomes = self._written(done) if is_write else [_called(item) for item in done]
                for item in done:
                    self.waiting.pop()
                    item.gate.busy.pop()
                _settle(outcomes)

    def _take(self) -> list[_Submission] | None:
        """Wait for submissions and return them; None once the lane is closed and empty."""
        items: list[_Submission] = []
        item = self._queue.get()
        while item is not None:
            items.append(item)
            if len(items) == _GROUP:
                return items
            try:
                item = self._queue.get_nowait()
            except Empty:
                return items
        if items:
            self._queue.put(None)
        return items or None

    def _written(self, items: list[_Submission]) -> list[Outcome]:
        writes = [cast("PendingWrite[Any]", item.call) for item in items]
        try:
            self._commit(writes)
        except BaseException as error:  # the lane must go on, and the callers must get the error
            return [(item.future, None, error) for item in items]
        return [
            (item.future, write.value, write.error)
            for item, write in zip(items, writes, strict=True)
        ]


def _called(item: _Submission) -> Outcome:
    try:
        return item.future, cast("Callable[[], Any]", item.call)(), None
    except DriverError as error:
        translated = reading_failed(error)
        translated.__cause__ = error
        return item.future, None, translated
    except BaseException as error:  # the lane must go on, and the caller must get the error
        return item.future, None, error


def _settle(outcomes: list[Outcome]) -> None:
    """Wake each event loop once, with all outcomes for its futures."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Outcome]] = {}
    for outcome in outcomes:
        by_loop.setdefault(outcome[0].get_loop(), []).append(outcome)
    for loop, part in by_loop.items():
        with suppress(RuntimeError):  # that loop is closed, and so are its futures
            loop.call_soon_threadsafe(_resolve, part)


def _resolve(outcomes: list[Outcome]) -> None:
    for future, value, error in outcomes:
        if future.done():
            continue  # cancelled; the call was made all the same
        if error is None:
            future.set_result(value)
        elif isinstance(error, StopIteration):
            future.set_exception(RuntimeError("a blocking call ended an iteration"))
        else:
            future.set_exception(error)
