"""The embedded store beside the bare driver, and beside Node's classic-level.

100,000 records of 100 bytes under keys of 16. Everybody writes into a fresh directory, without
waiting for the disk, and reads from one that is loaded and compacted; the driver and classic-level
have their own defaults, ours checks checksums on every read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from benchmarks._level_async import Node, async_batch, async_get, async_put
from benchmarks._level_keys import (
    BATCH,
    DRIVER,
    RECORDS,
    get_bytes,
    get_json,
    iterate,
    iterate_utf8,
    people,
    plyvel,
    put_bytes,
    put_json,
    timed,
)
from benchmarks._runner import Bench, Line, at_most, main, versions
from datapatterns import Document, Index
from datapatterns.level import Level
from datapatterns.level.repository import Repository
from datapatterns.level.work_queue import WorkQueue


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
