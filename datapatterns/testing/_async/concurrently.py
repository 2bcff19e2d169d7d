"""Many calls at the same time: on asyncio as tasks, in the other face as threads.

# unasync: by hand
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

T = TypeVar("T")


async def concurrently(
    fn: Callable[..., Awaitable[T]], arguments: Iterable[tuple[Any, ...]]
) -> list[T]:
    """Call `fn` once with each tuple of arguments, all at once; return the results in order.

    All calls are waited for; then the first error, if there was one, is raised.
    """
    calls = [fn(*given) for given in arguments]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    return [_result(outcome) for outcome in outcomes]


def _result(outcome: T | BaseException) -> T:
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


@asynccontextmanager
async def meanwhile(
    fn: Callable[..., Awaitable[Any]], *arguments: Any
) -> AsyncGenerator[None, None]:
    """Run `fn` beside the body; leaving the body waits for it and raises what it raised."""
    task = asyncio.ensure_future(fn(*arguments))
    try:
        yield
    finally:
        await task
