"""A changes handler that runs in several processes, which one reader of the feed supplies."""

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
    """A changes handler that runs in several processes, each document always in the same one.

        with Processes(index_page, 4) as handler:
            ChangesWorker(feed, handler, name="search", parallel=4).run()

    This process reads the feed once, which costs a server less than one reader for each process.
    1. A change goes to process `crc32(id) % processes`, which handles one change at a time.
    2. An exception of the handler is raised here as RuntimeError with its text, so that the worker
       tries again and in the end buries the change. The death of a process is raised as
       Unavailable; the next change for it starts another process.
    3. The worker keeps the checkpoint, so a change that a process did not finish comes again.

    The handler is a plain function that a new process can import; a script puts everything else
    under `if __name__ == "__main__"`. The standard library's multiprocessing passes the changes on.
    A process ends with its parent, however the parent ends; SIGINT is left to the parent. Works in
    both faces. Source: the reader and workers of CouchDB's replicator.
    """

    def __init__(self, handler: Callable[[Change[Any]], object], processes: int) -> None:
        if not callable(handler):
            raise InvalidArgument("the handler must be callable")
        check_count("processes", processes)
        self._children = [_Child(handler) for _ in range(processes)]

    def __call__(self, change: Change[Any]) -> None:
        """Handle the change; raise RuntimeError if the handler fails, Unavailable if it dies."""
        self._children[shard_of(change.id, len(self._children))].handle(change)

    @property
    def pids(self) -> list[int]:
        """Return the ids of the processes that run."""
        running = (child.process for child in self._children)
        return [process.pid for process in running if process is not None and process.pid]

    def __enter__(self) -> Self:
        for child in self._children:
            child.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for child in self._children:
            child.close()


class _Pipe(Protocol):
    """One end of a pipe; its class differs from system to system."""

    def send(self, obj: Any, /) -> None: ...

    def recv(self) -> Any: ...

    def close(self) -> None: ...


class _Child:
    """One process and the pipe to it; after its death the next change starts another process."""

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
        theirs.close()  # so that the end of the process is seen here as the end of the pipe
        return ours

    def handle(self, change: Change[Any]) -> None:
        """Send the change and wait until it has been handled."""
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
        """End the process, even in the middle of a change that nobody waits for any more."""
        idle = self._turn.acquire(timeout=_GRACE)
        if not idle and self.process is not None:
            self.process.kill()  # the thread that waits for it then continues and ends it
            return
        self._end()
        self._turn.release()


def _serve(pipe: _Pipe, handler: Callable[[Change[Any]], object]) -> None:
    """Handle changes until the parent closes the pipe or ends."""
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
