"""The lane: one thread that does the blocking work of the async face, in the order it was asked.

Writes that wait are stored in one batch with one fsync, and the event loop is woken once for each
such group. What was submitted is done, whether or not anybody still awaits it: cancelling an await
neither undoes nor halves a write.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from datapatterns.level.driver import DriverError, reading_failed

if TYPE_CHECKING:
    from datapatterns.level.engine import Gate
    from datapatterns.level.transaction import Transaction

T = TypeVar("T")
Outcome = tuple["asyncio.Future[Any]", Any, BaseException | None]

_GROUP = 1_000  # items taken from the queue at once, at most


class Job(Generic[T]):
    """A write to be done by whoever holds the lock: what to do, and then its outcome."""

    __slots__ = ("done", "error", "sync", "value", "work")

    def __init__(self, work: Callable[[Transaction], T], sync: bool) -> None:
        self.work = work
        self.sync = sync
        self.done = False
        self.value: T | None = None
        self.error: BaseException | None = None

    def result(self) -> T:
        """What the work returned; raises what it raised."""
        if self.error is not None:
            raise self.error
        return cast("T", self.value)


@dataclass(slots=True)
class _Item:
    """A write (a Job) or any other blocking call, and who waits for it."""

    future: asyncio.Future[Any]
    gate: Gate
    work: Job[Any] | Callable[[], Any]


class Lane:
    """A queue and the thread that drains it, started at the first use."""

    def __init__(self, commit: Callable[[list[Job[Any]]], None]) -> None:
        self._commit = commit
        self._queue: SimpleQueue[_Item | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self.waiting: list[None] = []  # one for each item not done yet

    def write(self, job: Job[T], gate: Gate) -> asyncio.Future[T]:
        """Have the job stored, together with others that wait."""
        return self._submit(_Item(asyncio.get_running_loop().create_future(), gate, job))

    def call(self, call: Callable[[], T], gate: Gate) -> asyncio.Future[T]:
        """Have the blocking call made."""
        return self._submit(_Item(asyncio.get_running_loop().create_future(), gate, call))

    def _submit(self, item: _Item) -> asyncio.Future[Any]:
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
        """End the thread after what it was given; every gate is shut by now."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()

    def _run(self) -> None:
        while (items := self._take()) is not None:
            for is_write, group in groupby(items, key=lambda item: isinstance(item.work, Job)):
                done = list(group)
                outcomes = self._written(done) if is_write else [_called(item) for item in done]
                for item in done:
                    self.waiting.pop()
                    item.gate.busy.pop()
                _settle(outcomes)

    def _take(self) -> list[_Item] | None:
        """All that waits, at least one; None when the lane is closed and nothing is left."""
        items: list[_Item] = []
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

    def _written(self, items: list[_Item]) -> list[Outcome]:
        jobs = [cast("Job[Any]", item.work) for item in items]
        try:
            self._commit(jobs)
        except BaseException as error:  # the lane must live, and the callers must hear of it
            return [(item.future, None, error) for item in items]
        return [(item.future, job.value, job.error) for item, job in zip(items, jobs, strict=True)]


def _called(item: _Item) -> Outcome:
    try:
        return item.future, cast("Callable[[], Any]", item.work)(), None
    except DriverError as error:
        translated = reading_failed(error)
        translated.__cause__ = error
        return item.future, None, translated
    except BaseException as error:  # the lane must live, and the caller must hear of it
        return item.future, None, error


def _settle(outcomes: list[Outcome]) -> None:
    """Wake each event loop once, with all of its outcomes."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Outcome]] = {}
    for outcome in outcomes:
        by_loop.setdefault(outcome[0].get_loop(), []).append(outcome)
    for loop, part in by_loop.items():
        with suppress(RuntimeError):  # that loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_resolve, part)


def _resolve(outcomes: list[Outcome]) -> None:
    for future, value, error in outcomes:
        if future.done():
            continue  # cancelled; the work is done all the same
        if error is None:
            future.set_result(value)
        elif isinstance(error, StopIteration):
            future.set_exception(RuntimeError("a blocking call ended an iteration"))
        else:
            future.set_exception(error)
