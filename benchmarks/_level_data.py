"""The records of the benchmarks on LevelDB, and our store and the bare driver filled with them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable
from typing import Any

from benchmarks._runner import Bench
from datapatterns import Document, Index
from datapatterns.level import Level, Repository
from datapatterns.level.engine.driver import driver as plyvel

RECORDS = 100_000
BATCH = 1_000
DRIVER = plyvel.__name__.replace("_", "-")


def micro(seconds: float, count: int) -> float:
    """Return microseconds for one of `count` pieces of work."""
    return seconds * 1_000_000 / count


def timed(work: Callable[[], object], count: int) -> float:
    """Run `work`, which has `count` pieces, and return microseconds for one piece."""
    began = time.perf_counter()
    work()
    return micro(time.perf_counter() - began, count)


def records(bench: Bench) -> list[tuple[bytes, bytes]]:
    """Return the records as bytes; half of each value does not compress."""
    made = random.Random(1)
    return [
        (b"%016d" % number, made.randbytes(50) + b"." * 50)
        for number in range(bench.scaled(RECORDS))
    ]


def people(bench: Bench) -> list[dict[str, Any]]:
    """Return the records as objects of about 100 bytes in JSON."""
    return [
        {"name": f"Person {number:08d}", "email": f"{number:08d}@example.org", "age": number % 90,
         "tags": ["a", "b"], "active": True, "score": number / 8}
        for number in range(bench.scaled(RECORDS))
    ]  # fmt: skip


def shuffled(items: Iterable[Any]) -> list[Any]:
    """Return the items in a random order that is the same in every run."""
    mixed = list(items)
    random.Random(2).shuffle(mixed)
    return mixed


def our_level(bench: Bench, rows: Iterable[tuple[Any, Any]], **options: Any) -> Level:
    """Return a Level with the rows in it, compacted."""
    level = bench.stack.enter_context(Level.open(bench.new_path(), **options))
    for key, value in rows:
        level.put(key, value)
    level.compact()
    return level


def bare(bench: Bench, rows: Iterable[tuple[bytes, bytes]]) -> Any:
    """Return the driver's database with the rows in it, compacted."""
    database = plyvel.DB(bench.new_path(), create_if_missing=True)
    bench.stack.callback(database.close)
    for key, value in rows:
        database.put(key, value)
    database.compact_range(start=b"", stop=b"\xff" * 8)
    return database


class Person(Document):
    """A document of about 100 bytes."""

    name: str
    email: str
    age: int
    tags: list[str]
    active: bool
    score: float


def repository(level: Level, *, unique: bool = False) -> Repository[Person]:
    """Return a repository with two indexes and the change log."""
    indexes = [Index("by_age", "age"), Index("by_email", "email", unique=unique)]
    return Repository(level, "people", Person, indexes=indexes)
