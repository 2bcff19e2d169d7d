"""Calling listeners, and running a function beside the program: here, with tasks.

# unasync: by hand

`datapatterns/patterns/_sync/courier.py` has the same names on threads. Neither leaves a task or a
thread behind when it ends, except for a listener that does not return.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

logger = logging.getLogger("datapatterns.emitter")

_GRACE = 5.0  # seconds to wait for the end of a cancelled task
_TURNS = 16  # calls after which a work that never waits lets others run

Call = Callable[[], Awaitable[None]]
Work = Callable[[], Awaitable[bool]]


class AsyncCourier:
    """Calls functions on the loop, side by side, each until it returns False."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()
        self._closed = False

    async def start(self) -> None:
        """Use the running loop from now on, unless there is an open one already."""
        if self._loop is None or self._loop.is_closed():
            self._loop = asyncio.get_running_loop()

    def call(self, work: Work) -> None:
        """Call the function until it returns False; any thread may ask for this."""
        if self._loop is None or self._closed:
            return
        with suppress(RuntimeError):  # there is no running loop, or that one is closed
            if asyncio.get_running_loop() is self._loop:
                self._start(work)
                return
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._start, work)

    def _start(self, work: Work) -> None:
        if self._closed:
            return
        task = asyncio.create_task(self._run(work), name="datapatterns-listener")
        self._tasks.add(task)

    async def _run(self, work: Work) -> None:
        calls = 1
        try:
            while await work():
                if calls % _TURNS == 0:
                    # A listener that never waits must not keep the loop from the others.
                    await asyncio.sleep(0)
                calls += 1
        finally:
            # Not in a callback, which would cost the loop one more step for each message.
            self._tasks.discard(asyncio.current_task())  # pyright: ignore[reportArgumentType] - in a task there is one

    def announcing(self) -> bool:
        """Return whether another task is beginning the calls that are due."""
        return self._turn.locked()

    async def announce(self, due: Callable[[], list[Call]]) -> None:
        """Return once all calls that are due have begun, here or in another task."""
        async with self._turn:
            calls = due()
            for call in calls:
                self._start(partial(_once, call))
            if calls:
                await asyncio.sleep(0)  # the loop begins what is ready in the order it became so

    async def close(self) -> None:
        """Cancel the calls under way, except for a listener that calls this."""
        self._closed = True
        await _cancel(self._tasks)
        self._tasks.clear()  # a task that was cancelled before it began could not leave by itself


class AsyncBackground:
    """One function that runs beside the program, as a task."""

    def __init__(self, fn: Callable[[], Awaitable[None]]) -> None:
        self._task = asyncio.ensure_future(fn())

    async def end(self) -> None:
        """Cancel the function and wait until it has ended."""
        await _cancel({self._task})


async def _once(call: Call) -> bool:
    await call()
    return False


async def _cancel(tasks: set[asyncio.Task[None]] | set[asyncio.Future[None]]) -> None:
    ours = asyncio.current_task()
    others = {task for task in tasks if task is not ours}
    for task in others:
        task.cancel()
    if others:
        _, stuck = await asyncio.wait(others, timeout=_GRACE)
        for task in stuck:
            logger.error("%r does not let itself be cancelled; it is left behind", task)


def check_listener(fn: object) -> None:
    """Accept any function, sync or async."""


async def attempt(fn: Callable[..., Any], *args: Any) -> Exception | None:
    """Call a user's function on the loop and return its exception, None if it raised none."""
    try:
        result = fn(*args)
        if result is not None and inspect.isawaitable(result):
            await result
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        return RuntimeError("the listener was cancelled from within")
    except Exception as error:
        return error
    return None
