# Generated from tests/migration/_async/things.py by scripts/unasync.py; do not edit.
"""Something of every kind, put into a store through its patterns, and looked at through them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import ConfigDict

from datapatterns import Store
from datapatterns.testing.conformance.samples import BY_AGE, BY_NICK, HOSTILE, Person

INDEXES = (BY_AGE, BY_NICK)
NAMES = HOSTILE[::4]
BUCKETS = ("total", "year", "month", "day", "hour", "month_of_year")
WHEN = [datetime(2031, 1, 1, 0, tzinfo=UTC) + timedelta(hours=7 * n) for n in range(9)]
YEARS = {"year": timedelta(days=3650), "day": timedelta(days=400)}


class Wider(Person):
    """A person with whatever else somebody has stored."""

    model_config = ConfigDict(populate_by_name=True, extra="allow")


def fill(store: Store) -> None:
    """Put something of every kind there, and something that stays behind."""
    for n, name in enumerate(NAMES):
        store.counter(name).increment(n + 1)
    store.counter("least").decrement(2**63 - 1, op_id="once")
    for name in ("hits", "a:b"):
        calendar = store.calendar_counter(name, buckets=BUCKETS)
        for n, when in enumerate(WHEN):
            calendar.add(NAMES[n % 3], n - 2, at=when)
    bounded = store.calendar_counter("bounded", buckets=("year", "day"), keep=YEARS)
    bounded.add("x", 5, at=WHEN[0])
    groups = store.groups("tags")
    for n, name in enumerate(NAMES):
        groups.add(name, *NAMES[: n + 1])
    board = store.leaderboard("points")
    for n, name in enumerate(NAMES):
        board.set(name, [7, 7.5, -1e300, 0][n % 4])
    board.remove(NAMES[1])
    board.add(NAMES[0], 0.5)
    people = store.repository("people", Wider, indexes=INDEXES)
    for n, name in enumerate(NAMES):
        rest: dict[str, Any] = {"shoe": [n, {"a": None}], "p q": "\N{SLICE OF PIZZA}", "f": n / 3}
        person = Wider(id=name, age=n % 5, nick=f"n{n}", address={"street": "x"}, **rest)
        people.create(person)
    people.update(NAMES[2], {"age": 77})
    people.destroy(NAMES[3])
    store.repository("others", Person).create(Person(id="o", name="O"))
    fill_queues(store)
    store.rate_limiter("calls", limit=5, window=60).hit("ann")


def fill_queues(store: Store) -> None:
    """Items that are ready, delayed, leased, retried and dead, and a queue that is paused."""
    jobs = store.work_queue("jobs", lease=600, max_attempts=2)
    jobs.push({"n": "dead"}, id="dead")
    jobs.push({"n": "leased"}, id="leased")
    for wanted in ("dead", "leased"):
        delivery = jobs.take()
        assert delivery is not None
        assert delivery.id == wanted
        if wanted == "dead":
            delivery.bury("no good")
    for n in range(6):
        jobs.push({"n": n}, id=f"job-{n}", priority=n % 3 - 1)
    jobs.push("later", id="later", delay=3600, priority=9, dedup=600)
    jobs.push([1.5, None], id="retried", priority=5)
    delivery = jobs.take()
    assert delivery is not None
    assert delivery.id == "retried"
    delivery.retry(0, error="a first error")
    assert jobs.once("mail", 600)
    last = store.work_queue("last", lease=600, max_attempts=1)
    last.push(1, id="leased for the last time")
    assert last.take() is not None
    paused = store.work_queue("paused")
    paused.push(1, id="waits")
    paused.pause()


def look(store: Store) -> dict[str, Any]:
    """Return what the patterns show of the store, without changing anything."""
    seen: dict[str, Any] = {}
    for name in (*NAMES, "least", "absent"):
        seen["counter", name] = store.counter(name).value()
    for name in ("hits", "a:b"):
        calendar = store.calendar_counter(name, buckets=BUCKETS)
        for subject in NAMES[:3]:
            for bucket in BUCKETS:
                series = calendar.series(subject, bucket, WHEN[0], WHEN[-1])
                seen["calendar", name, subject, bucket] = series
    bounded = store.calendar_counter("bounded", buckets=("year", "day"), keep=YEARS)
    seen["bounded"] = bounded.read("x", "2031"), bounded.read("x", "2031-01-01")
    groups = store.groups("tags")
    for name in NAMES:
        seen["group", name] = {member for member in groups.members(name)}
        seen["groups of", name] = groups.groups_of(name)
        seen["size", name] = groups.size(name)
    board = store.leaderboard("points")
    seen["top"] = board.top(100)
    seen["board size"] = board.size()
    people = store.repository("people", Wider, indexes=INDEXES)
    for name in NAMES:
        if people.exists(name):
            raw = people.get_raw(name)
            seen["person", name] = {field: raw[field] for field in raw if field != "rev"}
    seen["by age"] = [one.id for one in people.iterate("by_age")]
    seen["people"] = people.count(), people.counts("by_age")
    seen["other"] = (store.repository("others", Person).get("o")).name
    jobs = store.work_queue("jobs")
    letters = jobs.dead_letters()
    seen["dead"] = [(one.id, one.item, one.attempts, one.error) for one in letters]
    return seen


# Highest priority first, then the order of pushing; `leased` was there before them all.
IN_ORDER = [
    ("retried", [1.5, None], 2),
    ("job-2", {"n": 2}, 1),
    ("job-5", {"n": 5}, 1),
    ("leased", {"n": "leased"}, 2),
    ("job-1", {"n": 1}, 1),
    ("job-4", {"n": 4}, 1),
    ("job-0", {"n": 0}, 1),
    ("job-3", {"n": 3}, 1),
]


def take_all(store: Store) -> list[tuple[str, Any, int]]:
    """Take what is ready, in order, and ack it."""
    jobs = store.work_queue("jobs", max_attempts=2)
    taken: list[tuple[str, Any, int]] = []
    while (delivery := jobs.take()) is not None:
        taken.append((delivery.id, delivery.item, delivery.attempt))
        delivery.ack()
    return taken
