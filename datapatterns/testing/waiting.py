"""Waiting for a condition in tests, with one deadline for all of them.

A test that waits for a condition passes as soon as it holds, on a busy machine as well; a test that
sleeps for a fixed time is slow on a quick machine and fails on a slow one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from inspect import isawaitable
from types import TracebackType
from typing import Any, Self

from datapatterns.errors import DataError

PATIENCE = 120.0  # seconds; a busy machine may take ten times as long as an idle one
_PAUSE = 0.01  # seconds between two looks
_SPANS = (0.3, 1.5, 6.0, 30.0)  # seconds


def eventually(
    check: Callable[[], Any], what: str = "the condition", *, seconds: float = PATIENCE
) -> Any:
    """Return the first true result of `check`; raise AssertionError if it takes too long.

    By default it waits PATIENCE `seconds`, 120. `what` names the condition in the error.
    """
    ends = time.monotonic() + seconds
    while not (result := check()):
        _check_time(ends, what, seconds)
        time.sleep(_PAUSE)
    return result


async def async_eventually(
    check: Callable[[], Awaitable[Any] | Any],
    what: str = "the condition",
    *,
    seconds: float = PATIENCE,
) -> Any:
    """Do the same as `eventually` in the async face; `check` may be a coroutine function."""
    ends = time.monotonic() + seconds
    while True:
        result = check()
        if isawaitable(result):
            result = await result
        if result:
            return result
        _check_time(ends, what, seconds)
        await asyncio.sleep(_PAUSE)


def _check_time(ends: float, what: str, seconds: float) -> None:
    if time.monotonic() > ends:
        raise AssertionError(f"{what} did not come true within {seconds:g} seconds")


class Span:
    """A time within which a block must act, such as a lease; see `spans`."""

    def __init__(self, seconds: float, *, last: bool = False) -> None:
        self.seconds = seconds
        self.late = False
        self._last = last
        self._began = 0.0

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        passed = time.monotonic() - self._began
        failed = isinstance(error, AssertionError | DataError)
        self.late = failed and passed >= self.seconds and not self._last
        return self.late


def spans() -> Iterator[Span]:
    """Yield times within which to act, longer and longer ones, until a block was not too late.

    A block that must act before a lease, a window or a delay ends fails if its process is held up
    for longer than that. A failure after the end of the span is passed over, and the loop goes on
    with a longer one; a failure before its end, or within the last span, is raised.

        for span in spans():
            with span:
                lease = seats.acquire("ann", lease=span.seconds)
                lease.extend(600)
    """
    for seconds in _SPANS:
        span = Span(seconds, last=seconds == _SPANS[-1])
        yield span
        if not span.late:
            return
