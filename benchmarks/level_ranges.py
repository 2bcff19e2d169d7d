"""How much time does reading a range add to the bare driver's?"""

from __future__ import annotations

import asyncio
from itertools import islice

from benchmarks._level_data import DRIVER, RECORDS, bare, our_level, records, timed
from benchmarks._runner import Bench, Line, at_most
from datapatterns.level import AsyncLevel

PAGE = 1_000


def iterate(bench: Bench) -> Line:
    """Iterate over all items; in pages of 1,000."""
    rows = records(bench)
    level = our_level(bench, rows, key_encoding="binary", value_encoding="binary")
    database = bare(bench, rows)
    count = len(rows)

    def whole() -> None:
        assert sum(1 for _ in level.items()) == count

    def paged() -> None:
        seen, after = 0, b""
        while page := list(level.items(gt=after, limit=PAGE)):
            seen += len(page)
            after = page[-1][0]
        assert seen == count

    def peer() -> None:
        assert sum(1 for _ in database.iterator()) == count

    def peer_paged() -> None:
        seen, after = 0, b""
        while page := list(islice(database.iterator(start=after, include_start=False), PAGE)):
            seen += len(page)
            after = page[-1][0]
        assert seen == count

    async def awaited(level: AsyncLevel) -> None:
        seen = 0
        async for _ in level.items():
            seen += 1
        assert seen == count

    loop = bench.stack.enter_context(asyncio.Runner())
    return Line(
        "us",
        {
            "ours, pages": lambda: timed(paged, count),
            DRIVER: lambda: timed(peer, count),
            f"{DRIVER}, pages": lambda: timed(peer_paged, count),
            "(ours, one loop)": lambda: timed(whole, count),
            "(ours, async for)": lambda: timed(lambda: loop.run(awaited(AsyncLevel(level))), count),
        },
        {DRIVER: at_most(1.5)},
    )


def iterate_utf8(bench: Bench) -> Line:
    """Iterate over all items in one loop, keys and values as text."""
    rows = [(f"{number:016d}", "v" * 100) for number in range(bench.scaled(RECORDS))]
    level = our_level(bench, rows, value_encoding="utf8")
    database = bare(bench, ((key.encode(), value.encode()) for key, value in rows))

    def ours() -> None:
        assert sum(1 for _ in level.items()) == len(rows)

    def peer() -> None:
        rows_read = ((key.decode(), value.decode()) for key, value in database.iterator())
        assert sum(1 for _ in rows_read) == len(rows)

    sides = {"ours": ours, f"{DRIVER} + decode": peer}
    return Line(
        "us", {name: (lambda work=work: timed(work, len(rows))) for name, work in sides.items()}
    )
