"""The embedded store beside the bare driver, and beside Node's classic-level.

100,000 records of 100 bytes under keys of 16. Everybody writes into a fresh directory, without
waiting for the disk, and reads from one that is loaded and compacted; the driver and classic-level
have their own defaults, ours checks checksums on every read.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks._runner import Bench, Line, at_most, main, versions
from datapatterns import Document, Index
from datapatterns.level import AsyncLevel, Level
from datapatterns.level.driver import driver as plyvel
from datapatterns.level.repository import Repository
from datapatterns.level.work_queue import WorkQueue

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


# --- async, beside Node


class Node:
    """The peer's process, which does one work after the other."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._process = bench.stack.enter_context(
            subprocess.Popen(
                ["node", Path(__file__).with_name("node_level.mjs")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        self.versions = self._answer()

    def ask(self, work: str, path: str, count: int, *, keep: bool = False) -> float:
        """Have the work done, and return microseconds for one record."""
        assert self._process.stdin
        request = {"work": work, "path": path, "records": count, "keep": keep}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return micro(self._answer()["seconds"], count)

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, "node ended"
        return json.loads(line)


def awaited(
    bench: Bench, work: Callable[[AsyncLevel], Awaitable[None]], count: int
) -> Callable[[], float]:
    """Our side of a work that writes to a fresh directory, with the defaults but for text."""
    loop = bench.stack.enter_context(asyncio.Runner())

    async def run() -> float:
        async with AsyncLevel.open(bench.new_path(), value_encoding="utf8") as level:
            began = time.perf_counter()
            await work(level)
            return micro(time.perf_counter() - began, count)

    return lambda: loop.run(run())


VALUE = "v" * 100


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


# --- patterns


class Person(Document):
    """A document of about 100 bytes."""

    name: str
    email: str
    age: int
    tags: list[str]
    active: bool
    score: float


def repository(level: Level, *, unique: bool = False) -> Repository[Person]:
    """The repository of the next two lines: two indexes, and the change log."""
    indexes = [Index("by_age", "age"), Index("by_email", "email", unique=unique)]
    return Repository(level, "people", Person, indexes=indexes)


def create(bench: Bench) -> Line:
    """Repository create, with two indexes and the change log."""
    documents = [
        Person(id=f"{number:016d}", **person)
        for number, person in enumerate(people(bench)[: bench.scaled(RECORDS // 5)])
    ]

    def ours(*, unique: bool = False) -> float:
        with Level.open(bench.new_path()) as level:
            create = repository(level, unique=unique).create
            create(Person(id="first", **people(bench)[0] | {"email": "first"}))

            def work() -> None:
                for document in documents:
                    create(document)

            return timed(work, len(documents))

    written = _written_by(bench, documents)

    def peer() -> float:
        database = plyvel.DB(bench.new_path(), create_if_missing=True)

        def work() -> None:
            for writes in written:
                with database.write_batch(transaction=True) as batch:
                    for key, value in writes:
                        batch.put(key, value)

        try:
            return timed(work, len(written))
        finally:
            database.close()

    peer_name = f"{DRIVER} batch, same bytes"
    return Line(
        "us",
        {"ours": ours, peer_name: peer, "(ours, one unique)": lambda: ours(unique=True)},
        {peer_name: at_most(4.0)},
    )


def _written_by(bench: Bench, documents: list[Person]) -> list[list[tuple[bytes, bytes]]]:
    """What creating each document puts into the store."""
    written: list[list[tuple[bytes, bytes]]] = []

    def heard(writes: dict[bytes, bytes | None]) -> None:
        written.append([(key, value) for key, value in writes.items() if value is not None])

    with Level.open(bench.new_path()) as level:
        people = repository(level)
        people.ensure()
        level.space.engine.watch(b"", heard)
        for document in documents:
            people.create(document)
    assert all(len(writes) == 4 for writes in written), "document, two entries, change"
    assert len(written) == len(documents)
    return written


def page_depth(bench: Bench) -> Line:
    """A page of 50 by an index, behind 100,000 entries."""
    depth, times = bench.scaled(RECORDS), bench.scaled(300)
    level = bench.stack.enter_context(Level.open(bench.new_path()))
    stored = repository(level)
    everybody = people(bench)
    stored.create_many(
        Person(id=f"{number:016d}", **everybody[number % len(everybody)])
        for number in range(depth + 1_000)
    )
    level.compact()
    after: str | None = None
    step = min(10_000, depth)
    for _ in range(depth // step):
        after = stored.query("by_email", limit=step, after=after).next
        assert after is not None

    def paging(cursor: str | None) -> Callable[[], float]:
        def work() -> None:
            for _ in range(times):
                assert len(stored.query("by_email", after=cursor)) == 50

        return lambda: timed(work, times)

    return Line(
        "us", {"at that depth": paging(after), "first page": paging(None)},
        {"first page": at_most(1.2)},
    )  # fmt: skip


def queue_consumed(bench: Bench) -> Line:
    """Queue push, take and ack, behind 100,000 consumed jobs."""
    jobs, times = bench.scaled(RECORDS), bench.scaled(2_000)

    def opened() -> WorkQueue[Any]:
        # Without waiting for the disk, whose moods would hide what consumed jobs cost.
        level = bench.stack.enter_context(Level.open(bench.new_path(), sync=False))
        return WorkQueue(level, "jobs")

    def turn(queue: WorkQueue[Any]) -> None:
        queue.push("job")
        delivery = queue.take()
        assert delivery is not None
        delivery.ack()

    used = opened()
    for _ in range(jobs // BATCH):
        used.push_many(["job"] * BATCH)
    for _ in range(jobs // BATCH * BATCH):
        delivery = used.take()
        assert delivery is not None
        delivery.ack()

    def turns(queue: WorkQueue[Any]) -> float:
        return timed(lambda: [turn(queue) for _ in range(times)], times)

    return Line(
        "us", {"at that depth": lambda: turns(used), "none consumed": lambda: turns(opened())},
        {"none consumed": at_most(1.5)},
    )  # fmt: skip


LINES = [
    put_bytes, get_bytes, put_json, get_json, iterate, iterate_utf8, async_put, async_get,
    async_batch, create, page_depth, queue_consumed,
]  # fmt: skip


def facts(bench: Bench) -> Iterable[str]:
    """The peers' versions."""
    yield f"peers: {versions(DRIVER)}, " + ", ".join(
        f"{name} {version}" for name, version in Node(bench).versions.items()
    )


if __name__ == "__main__":
    main("LevelDB: 100,000 records of 100 bytes", LINES, facts)
