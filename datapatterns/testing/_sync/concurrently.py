"""Many calls at the same time: on threads, in the other face as tasks of asyncio.

# unasync: by hand
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


def concurrently(fn: Callable[..., T], arguments: Iterable[tuple[Any, ...]]) -> list[T]:
    """Call `fn` once with each tuple of arguments, all at once; return the results in order.

    All calls are waited for; then the first error, if there was one, is raised.
    """
    calls = list(arguments)
    if not calls:
        return []
    barrier = threading.Barrier(len(calls))

    def call(given: tuple[Any, ...]) -> T:
        barrier.wait()
        return fn(*given)

    with ThreadPoolExecutor(len(calls), "datapatterns-concurrently") as pool:
        futures = [pool.submit(call, given) for given in calls]
    return [future.result() for future in futures]


@contextmanager
def meanwhile(fn: Callable[..., Any], *arguments: Any) -> Generator[None, None, None]:
    """Run `fn` beside the body; leaving the body waits for it and raises what it raised."""
    with ThreadPoolExecutor(max_workers=1) as threads:
        future = threads.submit(fn, *arguments)
        try:
            yield
        finally:
            future.result()
