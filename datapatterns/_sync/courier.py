"""What carries messages to listeners, and what runs beside the program: here, threads.

# unasync: by hand

`datapatterns/_async/courier.py` has the same names on asyncio. Both end without leaving a task or a
thread, save a listener that does not return. All threads are daemons, so that even that one does
not keep the process.
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

_GRACE = 5.0  # seconds for what is about to end to end

Call = Callable[[], None]
Work = Callable[[], bool]


class Courier:
    """Runs works on one thread: each until it has nothing more to do, all in turns."""

    def __init__(self) -> None:
        self._works: SimpleQueue[Work | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._closed = False

    def start(self) -> None:
        """Start the thread, unless there is one."""
        with self._lock:
            if self._thread is None and not self._closed:
                name = "datapatterns-listeners"
                self._thread = threading.Thread(target=self._run, name=name, daemon=True)
                self._thread.start()

    def call(self, work: Work) -> None:
        """Call the work again and again until it returns False; from any thread."""
        self._works.put(work)

    def _run(self) -> None:
        while (work := self._works.get()) is not None and not self._closed:
            if work():
                self._works.put(work)

    def announcing(self) -> bool:
        """Whether calls are being made just now: not while a work asks, which is on their thread."""
        return False

    def announce(self, due: Callable[[], list[Call]]) -> None:
        """Make the calls that are due; only works call this, so it is on their thread."""
        for call in due():
            call()

    def close(self) -> None:
        """Let what is under way finish, and end the thread; a listener may call this as well."""
        with self._lock:
            self._closed = True
            thread = self._thread
        self._works.put(None)
        _join(thread)


class Background:
    """One function that runs beside the program, on a thread; it has to be told when to end."""

    def __init__(self, fn: Callable[[], None]) -> None:
        self._thread = threading.Thread(target=fn, name="datapatterns-reader", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Wait until it has ended."""
        _join(self._thread)


def _join(thread: threading.Thread | None) -> None:
    if thread is None or thread is threading.current_thread():
        return
    thread.join(_GRACE)
    if thread.is_alive():
        logger.error("%r does not end; it is left behind", thread)


def check_listener(fn: object) -> None:
    """An async function is refused, since nothing would run it."""
    if inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(type(fn).__call__):
        raise InvalidArgument("an async listener needs the async face")


def attempt(fn: Callable[..., Any], *args: Any) -> Exception | None:
    """Call a user's function, and return what it raised."""
    try:
        result = fn(*args)
    except Exception as error:
        return error
    except BaseException as error:  # SystemExit: it would end the thread without a word
        return RuntimeError(f"the listener raised {type(error).__name__}")
    if inspect.iscoroutine(result):
        result.close()
        return InvalidArgument("the listener returned a coroutine, which needs the async face")
    return None
