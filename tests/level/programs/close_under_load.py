"""Closes a level while threads are inside it. The scenario is the first argument, or `raw-…`.

A level must not crash the process, and whatever comes after `close` must be Unavailable. The same
on the bare driver (`raw-iterate`) crashes: that is how one sees that the attack is one.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Any

from datapatterns.errors import DataError, Unavailable
from datapatterns.level import AsyncLevel, Level
from datapatterns.level.engine.driver import open_database

THREADS = 4
ROWS = 2_000

Work = Callable[[Any, int], object]


def rows(level: Level) -> object:
    """Write all rows."""
    return level.batch([{"type": "put", "key": f"{n:06}", "value": "x" * 200} for n in range(ROWS)])


def batch(level: Level, n: int) -> object:
    """Write a batch over rows that other threads write as well."""
    return level.batch(
        [{"type": "put", "key": f"{(n * 7 + i) % ROWS:06}", "value": "y" * 200} for i in range(50)]
    )


def with_snapshot(level: Level, n: int) -> object:
    """Read through a snapshot that nobody closes."""
    snapshot = level.snapshot()  # never closed
    return level.get("000100", snapshot=snapshot), list(level.keys(snapshot=snapshot, limit=50))


def left_over(level: Level, n: int) -> object:
    """Leave an iterator and a snapshot open."""
    iterator = iter(level.items())
    LEFT.append((iterator, level.snapshot(), next(iterator)))
    return None


def one_iterator(level: Level, n: int) -> object:
    """Use one iterator from several threads, which is refused and does not crash."""
    entries = SHARED[0] if SHARED else level.items()
    SHARED[:] = [entries]
    try:
        for _ in range(50):
            next(entries)
    except StopIteration:
        SHARED.clear()
    except DataError as error:
        if error.code == "invalid_argument":
            return None
        raise


def clear(level: Level, n: int) -> object:
    """Write all rows, and clear most of them."""
    rows(level)
    return level.clear(gte="000100", lt="001900")


LEFT: list[object] = []
SHARED: list[Any] = []

SCENARIOS: dict[str, list[Work]] = {
    "get": [lambda level, n: level.get(f"{n % ROWS:06}")],
    "put": [lambda level, n: level.put(f"{n % ROWS:06}", "z" * 200)],
    "sync-put": [lambda level, n: level.put(f"{n % ROWS:06}", "z" * 200, sync=True)],
    "iterate": [
        lambda level, n: list(level.items()),
        lambda level, n: list(level.keys(reverse=True)),
    ],
    "batch": [batch],
    "compact": [lambda level, n: level.compact(), batch],
    "clear": [clear],
    "snapshot": [with_snapshot],
    "left-over": [left_over],
    "one-iterator": [one_iterator],
    "check": [lambda level, n: level.check(), batch],
}
SCENARIOS["all"] = [work for works in SCENARIOS.values() for work in works]

RAW: dict[str, Work] = {
    "raw-iterate": lambda database, n: list(database.iterator()),
    "raw-get": lambda database, n: database.get(b"%06d" % (n % ROWS)),
    "raw-put": lambda database, n: database.put(b"%06d" % (n % ROWS), b"z" * 200),
}


def attack(works: list[Work], target: Any, errors: list[BaseException]) -> list[threading.Thread]:
    """Return started threads that go on until something is raised."""

    def run(work: Work) -> None:
        try:
            for n in range(10**9):
                work(target, n)
        except BaseException as error:
            errors.append(error)

    works = [works[i % len(works)] for i in range(max(THREADS, len(works)))]
    threads = [threading.Thread(target=run, args=[work], daemon=True) for work in works]
    for thread in threads:
        thread.start()
    return threads


def finish(threads: list[threading.Thread]) -> None:
    """Wait for the threads; fail if one does not end."""
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive(), "a thread hangs"


def sync_round(path: str, scenario: str, seconds: float) -> None:
    """Attack, close, and try everything once more."""
    level = Level.open(path, write_buffer_size=100_000)
    rows(level)
    errors: list[BaseException] = []
    threads = attack(SCENARIOS[scenario], level, errors)
    time.sleep(seconds)
    level.close()
    finish(threads)
    assert len(errors) == len(threads)
    assert all(isinstance(error, Unavailable) for error in errors), errors
    for works in SCENARIOS.values():
        for work in works:
            try:
                work(level, 0)
            except Unavailable:
                continue
            raise AssertionError("no error after close")
    left, LEFT[:] = list(LEFT), []
    for iterator, *_ in left:
        try:
            list(iterator)
        except Unavailable:
            continue
        raise AssertionError("an iterator goes on after close")
    SHARED.clear()


def raw_round(path: str, scenario: str, seconds: float) -> None:
    """Attack the bare driver and close it."""
    database = open_database(path, create_if_missing=True)
    for n in range(ROWS):
        database.put(b"%06d" % n, b"x" * 200)
    threads = attack([RAW[scenario]], database, [])
    time.sleep(seconds)
    database.close()
    finish(threads)


async def async_round(path: str, seconds: float) -> None:
    """Close while tasks wait in the lane; each of them is done or Unavailable."""
    level = await AsyncLevel.open(path, write_buffer_size=100_000)
    await level.batch([{"type": "put", "key": f"{n:06}", "value": n} for n in range(ROWS)])
    done: set[str] = set()

    async def put(task: int) -> None:
        for n in range(10**9):
            await level.put(f"t{task}-{n}", n, sync=n % 2 == 0)
            done.add(f"t{task}-{n}")

    async def read(task: int) -> None:
        for n in range(10**9):
            if task % 3 == 0:
                assert [key async for key, _ in level.items(limit=100)]
            elif task % 3 == 1:
                assert await level.get_many([f"{n % ROWS:06}"]) == [n % ROWS]
            else:
                await level.compact()
            await asyncio.sleep(0)

    tasks = [asyncio.create_task(put(n)) for n in range(20)]
    tasks += [asyncio.create_task(read(n)) for n in range(6)]
    await asyncio.sleep(seconds)
    await level.close()
    outcomes = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 30)
    assert all(isinstance(outcome, Unavailable) for outcome in outcomes), outcomes
    for call in (level.get("a"), level.put("a", 1), level.batch([]).write(), level.get_many(["a"])):
        try:
            await call
        except Unavailable:
            continue
        raise AssertionError("no error after close")
    async with AsyncLevel.open(path) as level:
        assert not [key for key in done if await level.get(key) is None], "acknowledged, but gone"


def main(scenario: str, rounds: int) -> None:
    """Run the rounds of a scenario."""
    with tempfile.TemporaryDirectory() as path:
        for n in range(rounds):
            seconds = 0.01 + 0.02 * (n % 5)
            if scenario == "async":
                asyncio.run(async_round(path, seconds))
            elif scenario.startswith("raw-"):
                raw_round(path, scenario, seconds)
            else:
                sync_round(path, scenario, seconds)
            assert threading.active_count() == 1, threading.enumerate()
    print("survived", rounds)


main(sys.argv[1], int(sys.argv[2]))
