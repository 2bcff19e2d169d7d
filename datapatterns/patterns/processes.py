"""One reader feeding several processes: a changes handler on more than one core."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from datapatterns.core.changes import Change
from datapatterns.core.checks import check_count
from datapatterns.core.shards import shard_of
from datapatterns.errors import InvalidArgument, Unavailable

if TYPE_CHECKING:
    from multiprocessing.context import SpawnContext
    from multiprocessing.process import BaseProcess

_GRACE = 5.0  # seconds for a process to end by itself


class Processes:
    """A changes handler that runs in processes of its own, each document always in the same one.

        with Processes(index_page, 4) as handler:
            ChangesWorker(feed, handler, name="search", parallel=4).run()

    The feed is read once, by this process, which costs a server less than a reader for each share.
    1. A change goes to process `crc32(id) % processes` and waits there for its turn: one at a time.
    2. What the handler raises is raised here, as RuntimeError with its text, so the worker tries
       again, and in the end buries the change. So does the death of a process, as Unavailable; the
       next change for it starts another.
    3. The checkpoint stays with the worker: what a process had not finished comes again.

    The handler is a plain function that a new process can import (under `if __name__ ==
    "__main__"` guard what a script does besides). Changes are handed over by the standard
    library's multiprocessing. A process ends with its parent, however that ends; SIGINT is left
    to the parent. Works in both faces. Source: the reader and workers of CouchDB's replicator.
    """

    def __init__(self, handler: Callable[[Change[Any]], object], processes: int) -> None:
        if not callable(handler):
            raise InvalidArgument("the handler must be callable")
        check_count("processes", processes)
        self._places = [_Place(handler) for _ in range(processes)]

    def __call__(self, change: Change[Any]) -> None:
        """Have the change handled; RuntimeError if the handler failed, Unavailable if it died."""
        self._places[shard_of(change.id, len(self._places))].handle(change)

    @property
    def pids(self) -> list[int]:
        """The process ids of those that run."""
        running = (place.process for place in self._places)
        return [process.pid for process in running if process is not None and process.pid]

    def __enter__(self) -> Self:
        for place in self._places:
            place.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for place in self._places:
            place.close()


class _Pipe(Protocol):
    """One end of a pipe; its class differs from system to system."""

    def send(self, obj: Any, /) -> None: ...

    def recv(self) -> Any: ...

    def close(self) -> None: ...


class _Place:
    """One process, or the next one after it died, and the pipe to it."""

    def __init__(self, handler: Callable[[Change[Any]], object]) -> None:
        self._handler = handler
        self._turn = threading.Lock()
        self._pipe: _Pipe | None = None
        self.process: BaseProcess | None = None

    def start(self) -> _Pipe:
        """Start a process and return the pipe to it."""
        ours, theirs = _spawn().Pipe()
        self._pipe = ours
        self.process = _spawn().Process(target=_serve, args=(theirs, self._handler), daemon=True)
        self.process.start()
        theirs.close()  # so that its end is seen here as the end of the pipe
        return ours

    def handle(self, change: Change[Any]) -> None:
        """Send the change and wait until it is handled."""
        with self._turn:
            pipe = self._pipe or self.start()
            try:
                pipe.send(change)
                failed: str | None = pipe.recv()
            except (EOFError, OSError) as error:
                self._end()
                raise Unavailable("the handler's process died") from error
        if failed is not None:
            raise RuntimeError(failed)

    def _end(self) -> None:
        process, pipe, self.process, self._pipe = self.process, self._pipe, None, None
        if pipe is not None:
            pipe.close()
        if process is not None:
            process.join(_GRACE)
            if process.is_alive():
                process.kill()
                process.join()

    def close(self) -> None:
        """End the process, in the middle of a change that was given up on if need be."""
        idle = self._turn.acquire(timeout=_GRACE)
        if not idle and self.process is not None:
            self.process.kill()  # then who waits for it goes on, and ends it
            return
        self._end()
        self._turn.release()


def _serve(pipe: _Pipe, handler: Callable[[Change[Any]], object]) -> None:
    """Handle what comes until the parent closes the pipe, or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            change: Change[Any] = pipe.recv()
        except EOFError:
            return
        try:
            handler(change)
        except Exception as error:
            pipe.send(f"{type(error).__name__}: {error}")
        else:
            pipe.send(None)


def _spawn() -> SpawnContext:
    """Return the way to start a process; a fork would take LevelDB and event loops along."""
    import multiprocessing  # here, since a program without such processes should not wait for it

    return multiprocessing.get_context("spawn")
