"""Calling listeners, and running a function beside the program: here, with threads.

# unasync: by hand

`datapatterns/patterns/_async/courier.py` has the same names on asyncio. Neither leaves a task or a thread
behind when it ends, except for a listener that does not return. All threads are daemons, so that
such a thread does not keep the process alive.
"""

from __future__ import annotations

import inspect
import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from datapatterns.errors import InvalidArgument

logger = logging.getLogger("datapatterns.emitter")

_GRACE = 5.0  # seconds to wait for the end of a thread

Call = Callable[[], None]
Work = Callable[[], bool]


class Courier:
    """Calls functions on one thread, in turns, each until it returns False."""

    def __init__(self) -> None:
        self._works: SimpleQueue[Work | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._closed = False

    def start(self) -> None:
        """Start the thread, unless it runs already."""
        with self._lock:
            if self._thread is None and not self._closed:
                name = "datapatterns-listeners"
                self._thread = threading.Thread(target=self._run, name=name, daemon=True)
                self._thread.start()

    def call(self, work: Work) -> None:
        """Call the function until it returns False; any thread may ask for this."""
        self._works.put(work)

    def _run(self) -> None:
        while (work := self._works.get()) is not None and not self._closed:
            if work():
                self._works.put(work)

    def announcing(self) -> bool:
        """Return False: the functions that ask for this run on the thread that makes the calls."""
        return False

    def announce(self, due: Callable[[], list[Call]]) -> None:
        """Make the calls that are due; this is called on the courier's thread only."""
        for call in due():
            call()

    def close(self) -> None:
        """Let the call under way finish and end the thread; a listener may call this, too."""
        with self._lock:
            self._closed = True
            thread = self._thread
        self._works.put(None)
        _join(thread)


class Background:
    """One function that runs beside the program, on a thread; the caller tells it to end."""

    def __init__(self, fn: Callable[[], None]) -> None:
        self._thread = threading.Thread(target=fn, name="datapatterns-reader", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Wait until the function has ended."""
        _join(self._thread)


def _join(thread: threading.Thread | None) -> None:
    if thread is None or thread is threading.current_thread():
        return
    thread.join(_GRACE)
    if thread.is_alive():
        logger.error("%r does not end; it is left behind", thread)


def check_listener(fn: object) -> None:
    """Raise InvalidArgument for an async function, since nothing would run it."""
    if inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(type(fn).__call__):
        raise InvalidArgument("an async listener needs the async face")


def attempt(fn: Callable[..., Any], *args: Any) -> Exception | None:
    """Call a user's function and return its exception, None if it raised none."""
    try:
        result = fn(*args)
    except Exception as error:
        return error
    except BaseException as error:  # SystemExit, which would end the thread silently
        return RuntimeError(f"the listener raised {type(error).__name__}")
    if inspect.iscoroutine(result):
        result.close()
        return InvalidArgument("the listener returned a coroutine, which needs the async face")
    return None
