# Generated from tests/redis/_async/test_storage.py by scripts/unasync.py; do not edit.
"""What the patterns leave in Redis: small keys, one slot a structure, expiring."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from datapatterns import Store
from datapatterns.core.calendar_counter import BUCKETS
from datapatterns.redis import CalendarCounter, ConcurrencyLimiter, Counter
from datapatterns.redis._sync import work_queue
from datapatterns.testing.servers.redis import RedisServer
from datapatterns.testing.waiting import eventually

MOMENT = datetime(2014, 1, 15, 9, tzinfo=UTC)


def keys_of(client: Any, namespace: str) -> dict[str, int]:
    """Return the keys of a namespace and the time to live of each in milliseconds, -1 for none."""
    found = client.keys(f"*{namespace}*")
    lives = {str(key, "utf-8"): client.pttl(key) for key in found}
    return {key: life for key, life in lives.items() if life != -2}


def test_nothing_is_left_but_what_is_documented(
    redis_server: RedisServer,
    connect: Any,
    namespace: str,
    lent: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After its time, only counters and a queue's facts are left."""
    monkeypatch.setattr(work_queue, "_REMEMBERED", 200)  # milliseconds, instead of an hour
    client = connect(redis_server)
    store = Store(lent(client, namespace))
    short: Any = {"limit": 2, "window": 0.2}
    store.counter("hits", op_ttl=0.2).increment(op_id="a")
    store.counter("gone").increment()
    store.counter("gone").reset()
    store.calendar_counter("visits", op_ttl=0.2).add("ann", op_id="a")
    store.calendar_counter("visits").add("bob")
    store.calendar_counter("visits").forget("bob")
    for algorithm in ("sliding", "fixed", "gcra"):
        for _ in range(4):
            store.rate_limiter(algorithm, algorithm=algorithm, **short).hit("ann")
    store.concurrency_limiter("jobs", limit=1, lease=0.2).acquire("ann")
    lease = store.concurrency_limiter("jobs", limit=1, lease=60).acquire("bob")
    assert lease is not None
    lease.extend()
    lease.release()
    queue: Any = store.work_queue("mail")
    queue.push_many([1, 2])
    queue.push(3, delay=60.0)
    queue.push(4, id="a", dedup=0.2)
    queue.cancel("a")
    for _ in range(2):
        (queue.take()).ack()
    assert queue.take() is None
    assert queue.purge() == 1
    living = keys_of(client, namespace)
    year = datetime.now(UTC).year
    forever = {
        f"{{{namespace}:counter:hits}}:value",
        f"{{{namespace}:calendar:visits:ann}}:all",
        f"{{{namespace}:calendar:visits:ann}}:days:{year}",
        f"{{{namespace}:work_queue:mail}}:jobs",  # a few facts about the queue, no items
    }
    assert {key for key, life in living.items() if life == -1} == forever
    assert len(living) > len(forever)

    def only_these() -> bool:
        return set(keys_of(client, namespace)) == forever

    eventually(only_these)


def test_every_key_of_a_structure_has_its_hash_tag(
    redis_server: RedisServer, connect: Any, namespace: str, lent: Any
) -> None:
    """Counters have one hash tag each, other structures one a subject."""
    client = connect(redis_server)
    store = Store(lent(client, namespace))
    store.counter("hits").increment(op_id="a")
    store.calendar_counter("visits", buckets=BUCKETS).add("ann", op_id="a")
    store.rate_limiter("api", limit=1, window=60).hit("ann")
    store.rate_limiter("other", limit=1, window=60).hit("ann")
    store.concurrency_limiter("jobs", limit=1, lease=60).acquire("ann")
    tags = [key.split("}")[0] for key in keys_of(client, namespace)]
    assert sorted(set(tags)) == [
        f"{{{namespace}:calendar:visits:ann",
        f"{{{namespace}:concurrency:jobs:ann",
        f"{{{namespace}:counter:hits",
        f"{{{namespace}:limiter:ann",
    ]


def test_an_old_year_expires_by_itself(
    redis_server: RedisServer, connect: Any, namespace: str
) -> None:
    """With `keep` each hash has the time to live of its last bucket, and old fields are removed."""
    client = connect(redis_server)
    now = datetime.now(UTC)
    keep = {"day": timedelta(days=400), "hour": timedelta(days=2), "month": timedelta(days=800)}
    visits = CalendarCounter(client, "visits", buckets=BUCKETS, keep=keep, namespace=namespace)
    for days in (1500, 700, 300, 0):
        visits.add("ann", at=now - timedelta(days=days))
    living = keys_of(client, namespace)
    ends = {key.split("}:")[1]: life / 86_400_000 for key, life in living.items()}
    assert ends.pop("all") < 0
    hours = ends.pop(f"hours:{now:%Y-%m-%d}")
    assert 2 < hours < 3.01
    assert set(ends) == {f"days:{at:%Y}" for at in (now, now - timedelta(days=300))}
    new_year = datetime(now.year + 1, 1, 1, tzinfo=UTC) + keep["day"]
    assert ends[f"days:{now:%Y}"] == pytest.approx(
        (new_year - now).total_seconds() / 86_400, abs=0.1
    )
    fields = {field.decode() for field in client.hkeys(f"{{{namespace}:calendar:visits:ann}}:all")}
    assert f"{now - timedelta(days=1500):%Y-%m}" not in fields
    assert f"{now - timedelta(days=700):%Y-%m}" in fields


def test_without_unbounded_buckets_nothing_stays(
    redis_server: RedisServer, connect: Any, namespace: str
) -> None:
    """If every bucket has its `keep`, every key has a time to live."""
    client = connect(redis_server)
    visits = CalendarCounter(
        client, "visits", buckets=["day"], keep={"day": timedelta(days=1)}, namespace=namespace
    )
    visits.add("ann")
    living = keys_of(client, namespace)
    assert len(living) == 2
    assert all(life > 0 for life in living.values())


def test_a_year_of_days_is_packed(redis_server: RedisServer, connect: Any, namespace: str) -> None:
    """366 days take one small hash of a few kilobytes, not a key each."""
    client = connect(redis_server)
    visits = CalendarCounter(client, "visits", namespace=namespace)
    start = datetime(2024, 1, 1, tzinfo=UTC)
    for day in range(366):
        visits.add("ann", at=start + timedelta(days=day))
    living = keys_of(client, namespace)
    assert len(living) == 2
    used = [client.memory_usage(key, samples=0) for key in living]
    assert sum(used) < 8_000


def test_an_add_is_one_round_trip(
    redis_server: RedisServer, fault_proxy: Any, connect: Any, namespace: str, monkeypatch: Any
) -> None:
    """An add is one round trip once a client with a wrong clock has learned the server's."""
    proxy = fault_proxy("127.0.0.1", redis_server.port)
    client = connect(proxy)
    visits = CalendarCounter(client, "visits", buckets=BUCKETS, namespace=namespace)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 3 * 86_400)
    first = visits.add("ann")
    assert list(first)[3] == f"{datetime.fromtimestamp(real(), UTC):%Y-%m-%d}"
    before = proxy.requests
    for _ in range(20):
        visits.add("ann")
    assert proxy.requests - before == 20
    # What was counted by the server's clock is where it is looked for.
    assert [visits.read("ann", key) for key in first] == [21] * 6


def test_a_limiters_subject_is_small(
    redis_server: RedisServer, connect: Any, namespace: str, lent: Any
) -> None:
    """A limiter's subject takes a few hundred bytes, however many hits it had."""
    client = connect(redis_server)
    store = Store(lent(client, namespace))
    limiter = store.rate_limiter("api", limit=10**6, window=0.5)
    for _ in range(400):
        limiter.hit("ann")
    used = [client.memory_usage(key, samples=0) for key in keys_of(client, namespace)]
    assert used
    assert sum(used) < 500


def test_op_ids_last_as_long_as_asked(
    redis_server: RedisServer, connect: Any, namespace: str
) -> None:
    """An op_id is remembered for `op_ttl`, by default one hour."""
    client = connect(redis_server)
    Counter(client, "a", namespace=namespace).increment(op_id="x")
    Counter(client, "b", op_ttl=60, namespace=namespace).increment(op_id="x")
    lives = sorted(life for life in (keys_of(client, namespace)).values() if life > 0)
    assert lives[0] == pytest.approx(60_000, abs=5_000)
    assert lives[1] == pytest.approx(3_600_000, abs=5_000)


def test_a_lease_set_lives_as_long_as_its_longest_lease(
    redis_server: RedisServer, connect: Any, namespace: str
) -> None:
    """A short lease beside a long one does not let the set expire early."""
    client = connect(redis_server)
    for lease in (60.0, 1.0):
        limiter = ConcurrencyLimiter(client, "jobs", limit=5, lease=lease, namespace=namespace)
        limiter.acquire("ann")
    (life,) = (keys_of(client, namespace)).values()
    assert life == pytest.approx(60_000, abs=5_000)
