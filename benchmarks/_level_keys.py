"""Single keys and ranges, sync, beside the bare driver."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from benchmarks._runner import Bench, Line, at_most
from datapatterns.level import AsyncLevel, Level
from datapatterns.level.driver import driver as plyvel

RECORDS = 100_000
PAGE = 1_000
BATCH = 1_000
DRIVER = plyvel.__name__.replace("_", "-")


def micro(seconds: float, count: int) -> float:
    """Microseconds for one of them."""
    return seconds * 1_000_000 / count


def timed(work: Callable[[], object], count: int) -> float:
    """Microseconds for one of the pieces of the work."""
    began = time.perf_counter()
    work()
    return micro(time.perf_counter() - began, count)


def records(bench: Bench) -> list[tuple[bytes, bytes]]:
    """The records as bytes; half of each value does not compress."""
    made = random.Random(1)
    return [
        (b"%016d" % number, made.randbytes(50) + b"." * 50)
        for number in range(bench.scaled(RECORDS))
    ]


def people(bench: Bench) -> list[dict[str, Any]]:
    """The records as objects of about 100 bytes in JSON."""
    return [
        {"name": f"Person {number:08d}", "email": f"{number:08d}@example.org", "age": number % 90,
         "tags": ["a", "b"], "active": True, "score": number / 8}
        for number in range(bench.scaled(RECORDS))
    ]  # fmt: skip


def shuffled(items: Iterable[Any]) -> list[Any]:
    """The items in an order that is the same every time."""
    mixed = list(items)
    random.Random(2).shuffle(mixed)
    return mixed


def our_level(bench: Bench, rows: Iterable[tuple[Any, Any]], **options: Any) -> Level:
    """A level with the rows in it, compacted."""
    level = bench.stack.enter_context(Level.open(bench.new_path(), **options))
    for key, value in rows:
        level.put(key, value)
    level.compact()
    return level


def bare(bench: Bench, rows: Iterable[tuple[bytes, bytes]]) -> Any:
    """The driver's database with the rows in it, compacted."""
    database = plyvel.DB(bench.new_path(), create_if_missing=True)
    bench.stack.callback(database.close)
    for key, value in rows:
        database.put(key, value)
    database.compact_range(start=b"", stop=b"\xff" * 8)
    return database


# --- one key, sync


def put_bytes(bench: Bench) -> Line:
    """Put of bytes."""
    rows = records(bench)

    def ours() -> float:
        with Level.open(bench.new_path(), key_encoding="binary", value_encoding="binary") as level:
            put = level.put

            def work() -> None:
                for key, value in rows:
                    put(key, value)

            return timed(work, len(rows))

    def peer() -> float:
        database = plyvel.DB(bench.new_path(), create_if_missing=True)
        put = database.put

        def work() -> None:
            for key, value in rows:
                put(key, value)

        try:
            return timed(work, len(rows))
        finally:
            database.close()

    return Line("us", {"ours": ours, DRIVER: peer}, {DRIVER: at_most(1.5)})


def get_bytes(bench: Bench) -> Line:
    """Get of bytes, in random order."""
    rows = records(bench)
    keys = shuffled(key for key, _ in rows)
    level = our_level(bench, rows, key_encoding="binary", value_encoding="binary")
    database = bare(bench, rows)

    def reading(get: Callable[[bytes], bytes | None]) -> Callable[[], float]:
        def work() -> None:
            for key in keys:
                get(key)

        return lambda: timed(work, len(keys))

    assert all(level.get(key) == value for key, value in rows)
    return Line(
        "us", {"ours": reading(level.get), DRIVER: reading(database.get)}, {DRIVER: at_most(1.5)}
    )


def put_json(bench: Bench) -> Line:
    """Put of JSON."""
    rows = [(person["email"], person) for person in people(bench)]
    peer_name = f"{DRIVER} + json"

    def ours() -> float:
        with Level.open(bench.new_path()) as level:
            put = level.put

            def work() -> None:
                for key, value in rows:
                    put(key, value)

            return timed(work, len(rows))

    def peer() -> float:
        database = plyvel.DB(bench.new_path(), create_if_missing=True)
        put, dumps = database.put, json.dumps

        def work() -> None:
            for key, value in rows:
                put(key.encode(), dumps(value).encode())

        try:
            return timed(work, len(rows))
        finally:
            database.close()

    return Line("us", {"ours": ours, peer_name: peer}, {peer_name: at_most(0.8)})


def get_json(bench: Bench) -> Line:
    """Get of JSON, in random order."""
    rows = [(person["email"], person) for person in people(bench)]
    keys = shuffled(key for key, _ in rows)
    level = our_level(bench, rows)
    database = bare(bench, ((key.encode(), json.dumps(value).encode()) for key, value in rows))
    peer_name = f"{DRIVER} + json"

    def ours() -> None:
        get = level.get
        for key in keys:
            get(key)

    def peer() -> None:
        get, loads = database.get, json.loads
        for key in keys:
            loads(get(key.encode()))

    assert all(level.get(key) == value for key, value in islice(rows, 100))
    return Line(
        "us",
        {"ours": lambda: timed(ours, len(keys)), peer_name: lambda: timed(peer, len(keys))},
        {peer_name: at_most(0.8)},
    )


# --- ranges


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
