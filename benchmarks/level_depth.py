"""Does the cost of a page or of a queue grow with what lies before it?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks._level_data import BATCH, RECORDS, Person, people, repository, timed
from benchmarks._runner import Bench, Line, at_most
from datapatterns.level import Level, WorkQueue


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
        # Without waiting for the disk, whose varying speed would hide what consumed jobs cost.
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
