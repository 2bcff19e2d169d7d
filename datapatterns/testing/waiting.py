"""Waiting for a condition in tests, with one deadline for all of them.

A test that waits for a condition passes as soon as it holds, on a busy machine as well; a test that
sleeps for a fixed time is slow on a quick machine and fails on a slow one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any

PATIENCE = 120.0  # seconds; a busy machine may take ten times as long as an idle one
_PAUSE = 0.01  # seconds between two looks


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
