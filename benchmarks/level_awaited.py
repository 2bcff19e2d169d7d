"""How do awaited puts, gets and batches compare with those of Node's classic-level?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from benchmarks._classic_level import Node
from benchmarks._level_data import BATCH, RECORDS, micro, our_level, timed
from benchmarks._runner import Bench, Line, at_most
from datapatterns.level import AsyncLevel

VALUE = "v" * 100


def awaited(
    bench: Bench, work: Callable[[AsyncLevel], Awaitable[None]], count: int
) -> Callable[[], float]:
    """Return our side of a line that writes to a new directory, with values as text."""
    loop = bench.stack.enter_context(asyncio.Runner())

    async def run() -> float:
        async with AsyncLevel.open(bench.new_path(), value_encoding="utf8") as level:
            began = time.perf_counter()
            await work(level)
            return micro(time.perf_counter() - began, count)

    return lambda: loop.run(run())


def async_put(bench: Bench) -> Line:
    """Awaited single put."""
    count = bench.scaled(RECORDS)
    node = Node(bench)

    async def puts(level: AsyncLevel) -> None:
        for number in range(count):
            await level.put(f"{number:016d}", VALUE)

    return Line(
        "us",
        {
            "ours": awaited(bench, puts, count),
            "classic-level": lambda: node.ask("put", bench.new_path(), count),
        },
        {"classic-level": at_most(round(1 / 1.2, 2))},
    )


def async_get(bench: Bench) -> Line:
    """Awaited single get, in jumping order."""
    count = bench.scaled(RECORDS)
    node = Node(bench)
    node_path = bench.new_path()
    node.ask("put", node_path, count, keep=True)
    rows = ((f"{number:016d}", VALUE) for number in range(count))
    level = AsyncLevel(our_level(bench, rows, value_encoding="utf8"))
    loop = bench.stack.enter_context(asyncio.Runner())

    async def gets() -> None:
        for number in range(count):
            assert len(await level.get(f"{number * 7919 % count:016d}")) == len(VALUE)

    return Line(
        "us",
        {
            "ours": lambda: timed(lambda: loop.run(gets()), count),
            "classic-level": lambda: node.ask("get", node_path, count, keep=True),
        },
        {"classic-level": at_most(0.2)},
    )


def async_batch(bench: Bench) -> Line:
    """Awaited batches of 1,000, made beforehand."""
    count = bench.scaled(RECORDS)
    node = Node(bench)

    made = [
        [
            {"type": "put", "key": f"{number:016d}", "value": VALUE}
            for number in range(first, first + BATCH)
        ]
        for first in range(0, count, BATCH)
    ]

    async def batches(level: AsyncLevel) -> None:
        for operations in made:
            await level.batch(operations)

    async def chains(level: AsyncLevel) -> None:
        for operations in made:
            batch = level.batch()
            for operation in operations:
                batch.put(operation["key"], operation["value"])
            await batch.write()

    return Line(
        "us a record",
        {
            "ours": awaited(bench, batches, count),
            "classic-level": lambda: node.ask("batch", bench.new_path(), count),
            "(ours, chained)": awaited(bench, chains, count),
        },
        {"classic-level": at_most(0.5)},
    )
