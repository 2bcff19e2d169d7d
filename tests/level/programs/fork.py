"""Forks while a level is open, and uses it in the child: Unavailable every time, and no hang."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any

from datapatterns.errors import Unavailable
from datapatterns.level import AsyncLevel, Level

# CPython says that a fork with threads around may deadlock. That it does not is what is tested.
warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)

PATH = sys.argv[2]


def uses(level: Level, left: list[Any]) -> list[Callable[[], object]]:
    """Return every way to use the level, its iterator and its snapshot."""
    entries, snapshot = left
    return [
        lambda: level.get("a"),
        lambda: level.get("a", snapshot=snapshot),
        lambda: level.has("a"),
        lambda: level.get_many(["a"]),
        lambda: level.put("a", 2),
        lambda: level.put("a", 2, sync=True),
        lambda: level.delete("a"),
        lambda: level.batch([{"type": "put", "key": "a", "value": 2}]),
        lambda: level.batch().put("a", 2).write(),
        lambda: list(level.items()),
        lambda: list(entries),
        lambda: level.snapshot(),
        lambda: level.clear(),
        lambda: level.compact(),
        lambda: level.check(),
        lambda: level.sublevel("s").put("a", 2),
        lambda: level.sublevel("hooked").put("a", 2),
    ]


def refused(work: Callable[[], object]) -> bool:
    """Return whether the work is Unavailable because of the fork."""
    try:
        work()
    except Unavailable as error:
        return "fork" in str(error)
    return False


def try_all(level: Level, left: list[Any]) -> int:
    """Close and forget everything; return 0 if every use was refused."""
    signal.alarm(20)  # a hang is an end by signal
    bad = [n for n, work in enumerate(uses(level, left)) if not refused(work)]
    paths = (PATH, f"{PATH}-of-the-child")
    bad += [-1 for path in paths if not refused(lambda path=path: Level.open(path))]
    for resource in left:
        resource.close()
    left.clear()
    level.close()
    if bad:
        print("not refused:", bad, flush=True)
    return 1 if bad else 0


def wait_for(pid: int) -> None:
    """Wait for the child, and fail if it failed."""
    _, status = os.waitpid(pid, 0)
    assert status == 0, f"the child ended with {status}"


def in_child(work: Callable[[], int]) -> None:
    """Run the work in a forked child, which ends like any process: with its interpreter."""
    pid = os.fork()
    if pid == 0:
        sys.exit(work())
    wait_for(pid)


def with_os_fork() -> None:
    """Fork a process with hooks, an open iterator and an open snapshot."""
    with Level.open(PATH) as level:
        level.sublevel("hooked").hooks.prewrite.add(lambda operation, batch: None)
        level.put("a", 1)
        left = [level.items(), level.snapshot()]
        in_child(lambda: try_all(level, left))
        assert level.get("a") == 1
        level.put("b", 1, sync=True)
        assert dict(level.items()) == {"a": 1, "b": 1}
        assert dict(left[0]) == {"a": 1}


def under_load() -> None:
    """Fork while other threads are writing, reading and compacting."""
    with Level.open(PATH, write_buffer_size=100_000) as level:
        level.put("a", 1)
        stop = threading.Event()
        written = [0]

        def write() -> None:
            while not stop.is_set():
                level.put(f"w{written[0] + 1}", "x" * 100)
                written[0] += 1

        def read() -> None:
            while not stop.is_set():
                list(level.items(limit=100, snapshot=level.snapshot()))
                level.compact()

        threads = [threading.Thread(target=work) for work in (write, read)]
        for thread in threads:
            thread.start()
        for _ in range(10):
            left = [level.items(), level.snapshot()]
            in_child(lambda left=left: try_all(level, left))
            time.sleep(0.02)
        stop.set()
        for thread in threads:
            thread.join()
    with Level.open(PATH) as level:
        assert not [n for n in range(1, written[0] + 1) if level.get(f"w{n}") is None]
        assert level.check().ok


def with_multiprocessing() -> None:
    """Fork by way of `multiprocessing`."""
    with Level.open(PATH) as level:
        level.put("a", 1)
        left = [level.items(), level.snapshot()]
        context = multiprocessing.get_context("fork")
        child = context.Process(target=lambda: sys.exit(try_all(level, left)))
        child.start()
        child.join(30)
        assert child.exitcode == 0, child.exitcode
        level.put("b", 1)
        assert dict(level.items()) == {"a": 1, "b": 1}


def from_the_async_face() -> None:
    """Fork a process with an async level; the lane's thread stays with the parent."""

    async def main() -> None:
        async with AsyncLevel.open(PATH) as level:
            await level.put("a", 1, sync=True)  # starts the lane

            async def child() -> int:
                for call in (level.get("a"), level.put("a", 2, sync=True), level.get_many(["a"])):
                    try:
                        await call
                    except Unavailable:
                        continue
                    return 1
                return 0

            pid = os.fork()
            if pid == 0:
                signal.alarm(20)
                # Runs in a loop of its own: the parent's belongs to the parent.
                result: list[int] = []
                thread = threading.Thread(target=lambda: result.append(asyncio.run(child())))
                thread.start()
                thread.join()
                os._exit(result[0])
            wait_for(pid)
            assert await level.get("a") == 1
            await level.put("b", 1, sync=True)

    asyncio.run(main())


def opened_after_the_fork() -> None:
    """A child of a process that has not used LevelDB yet can use it; its own child cannot, even
    after closing: LevelDB would wait for ever for its thread, which does not fork."""

    def grandchild() -> int:
        signal.alarm(20)
        return 0 if refused(lambda: Level.open(PATH)) else 1

    def child() -> int:
        signal.alarm(20)
        with Level.open(PATH, write_buffer_size=65_536) as level:
            for n in range(5_000):
                level.put(str(n), "x" * 100)
            level.compact()
        in_child(grandchild)
        return 0

    for _ in range(3):
        in_child(child)


{
    "os.fork": with_os_fork,
    "under-load": under_load,
    "multiprocessing": with_multiprocessing,
    "async": from_the_async_face,
    "after": opened_after_the_fork,
}[sys.argv[1]]()
print("fine")
