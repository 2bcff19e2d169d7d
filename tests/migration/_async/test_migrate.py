"""Everything in a namespace goes from any backend to any other."""

from __future__ import annotations

import itertools
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from datapatterns import AsyncStore
from datapatterns.core.records import KINDS, Record, Unit
from datapatterns.errors import Conflict, InvalidArgument
from datapatterns.level.backend import AsyncBackend as LevelBackend
from datapatterns.migration._async.migration import AsyncMigration, async_migrate
from datapatterns.redis._async.transfer import AsyncTransfer as RedisTransfer
from datapatterns.redis.wire._async.commands import write
from datapatterns.store._async.store import transfer_of
from datapatterns.testing.conformance.samples import BY_AGE, Person

from .conftest import Open
from .things import BUCKETS, IN_ORDER, NAMES, WHEN, fill, look, take_all

KEPT = timedelta(days=400)
PAIRS = [
    ("level", "redis"),
    ("redis", "level"),
    ("level-root", "level"),
    ("redis", "redis-resp3"),
    ("level", "cluster"),
    ("cluster", "level-root"),
    ("redis-resp3", "level"),
]


@pytest.mark.parametrize(("one", "other"), PAIRS)
async def test_items_due_at_one_moment(open_store: Open, one: str, other: str) -> None:
    """Items that were retried in one step are due together, and all of them are carried."""
    source, target = await open_store(one), await open_store(other)
    queue: Any = source.work_queue("jobs")
    ids = await queue.push_many(range(20))
    taken = await queue.exchange(queue.request(take=20))
    later = [hold.verdict("retry", 3_600_000_000) for hold in taken.holds]
    await queue.exchange(queue.request(later))
    assert (await async_migrate(source, target, verify=True)).ok
    moved = target.work_queue("jobs")
    assert (await moved.stats()).delayed == 20
    assert [await moved.cancel(id) for id in ids] == [True] * 20
    assert (await moved.stats()).delayed == 0


@pytest.mark.parametrize(("one", "other"), PAIRS)
async def test_everything_is_carried(open_store: Open, one: str, other: str) -> None:
    """What the patterns show of the target is what they showed of the source."""
    source, target = await open_store(one), await open_store(other)
    await fill(source)
    before = await look(source)
    report = await async_migrate(source, target, verify=True)
    assert report.ok
    assert {unit.kind for unit in report.units} == set(KINDS)
    assert report.carried == report.added == report.units
    assert all(found.source.count == report.units[unit] for unit, found in report.compared.items())
    assert await look(source) == before
    assert await look(target) == before
    stats = await target.work_queue("jobs").stats()
    assert (stats.ready, stats.delayed, stats.leased, stats.dead) == (8, 1, 0, 1)
    assert await take_all(target) == IN_ORDER
    last = await target.work_queue("last", max_attempts=1).take()
    assert last is not None
    assert last.attempt == 1
    assert await target.work_queue("paused").take() is None
    await target.work_queue("paused").resume()
    assert (await target.work_queue("paused").take()) is not None
    assert "rate limiter windows" in report.left
    assert "`once` keys of queues" in report.left
    assert report.left["remembered ids of queues (dedup)"] == 1
    assert "remembered operations (op_id)" in report.left


async def test_names_that_mean_something_elsewhere(open_store: Open) -> None:
    """Whatever a queue, a board, a collection or a set of groups is called, it arrives there."""
    stores = [await open_store(kind) for kind in ("level", "redis", "level")]
    for n, name in enumerate(NAMES):
        await stores[0].groups(name).add("g", str(n))
        await stores[0].leaderboard(name).set("p", n)
        await stores[0].work_queue(name).push(n, id="i")
        await stores[0].repository(name, Person).create(Person(id="d", age=n))
    for source, target in itertools.pairwise(stores):
        report = await async_migrate(source, target, verify=True)
        assert report.ok
        assert len(report.units) == 4 * len(NAMES)
        for n, name in enumerate(NAMES):
            assert await target.groups(name).contains("g", str(n))
            assert await target.leaderboard(name).score("p") == n
            assert (await target.work_queue(name).stats()).ready == 1
            assert (await target.repository(name, Person).get("d")).age == n


@pytest.mark.parametrize(("one", "other"), PAIRS[:2])
async def test_it_goes_on_where_it_was_interrupted(open_store: Open, one: str, other: str) -> None:
    """However often it is interrupted, the same call goes on, and both are equal in the end."""
    source, target = await open_store(one), await open_store(other)
    await fill(source)
    people = source.repository("many", Person)
    await people.create_many([Person(id=f"{n:04}") for n in range(1_200)])
    before = await look(source)
    reached: list[Unit] = []

    def stop(phase: str, unit: Unit, done: int, total: int) -> None:
        if unit not in reached[:-1]:
            reached.append(unit)
            raise KeyError(phase)

    for n in range(30):
        try:
            report = await async_migrate(source, target, progress=stop)
        except KeyError:
            continue
        assert report.resumed
        assert n > len(KINDS)
        break
    else:
        raise AssertionError("it never came to its end")
    assert sum(report.carried.values()) < sum(report.units.values())
    assert (await async_migrate(source, target, only_verify=True)).ok
    assert await look(target) == before
    with pytest.raises(Conflict):
        await async_migrate(source, target)


async def test_merging_overwrites_nothing(open_store: Open) -> None:
    """A merge keeps what the target has and adds what it lacks; repeating it is harmless."""
    source, target = await open_store("redis"), await open_store("level")
    await fill(source)
    await target.counter(NAMES[0]).increment(500)
    await target.leaderboard("points").set(NAMES[4], 9)
    people = target.repository("people", Person, indexes=[BY_AGE])
    await people.create(Person(id=NAMES[5], age=99))
    await people.create(Person(id="mine", age=98))
    await target.work_queue("jobs").push("mine", id="job-1")
    with pytest.raises(Conflict) as raised:
        await async_migrate(source, target)
    assert raised.value.reason == "exists"
    assert await target.counter(NAMES[1]).value() == 0
    for _ in range(2):
        report = await async_migrate(source, target, merge=True, verify=True)
        assert report.ok
    assert sum(report.added.values()) == 0
    assert report.compared[Unit("counter")].different == 1
    assert report.compared[Unit("repository", "people")].different == 1
    assert await target.counter(NAMES[0]).value() == 500
    assert await target.counter(NAMES[1]).value() == 2
    assert await target.leaderboard("points").score(NAMES[4]) == 9
    ages = [one.age async for one in people.iterate("by_age")]
    assert ages == sorted(ages)
    assert {98, 99, 77, 0} <= set(ages)
    assert len(ages) == await people.count()
    assert (await target.work_queue("jobs").stats()).ready == 8


async def test_merging_into_indexed_documents_on_redis(open_store: Open) -> None:
    """A repository with an index on the target's collection finds the added documents."""
    source, target = await open_store("level"), await open_store("redis")
    await source.repository("people", Person).create_many([Person(id="a", age=3), Person(id="b")])
    people = target.repository("people", Person, indexes=[BY_AGE])
    await people.create(Person(id="c", age=2))
    assert [one.id async for one in people.iterate("by_age")] == ["c"]
    await async_migrate(source, target, merge=True)
    assert [one.id async for one in people.iterate("by_age")] == ["b", "c", "a"]


async def test_a_dry_run_writes_nothing(open_store: Open) -> None:
    """A dry run reports what there is and what stays behind, and refuses what `migrate` would."""
    source, target = await open_store("level"), await open_store("redis")
    await fill(source)
    report = await async_migrate(source, target, dry_run=True, verify=True)
    assert report.units[Unit("counter")] == len(NAMES) + 1
    assert not report.carried
    assert not (await transfer_of(target).inventory()).units
    await target.counter("c").increment()
    with pytest.raises(Conflict):
        await async_migrate(source, target, dry_run=True)


async def test_some_kinds_only(open_store: Open) -> None:
    """What was not chosen is listed, and a target may have other kinds."""
    source, target = await open_store("level"), await open_store("redis")
    await fill(source)
    await target.counter("mine").increment()
    report = await async_migrate(source, target, kinds=["repository"], verify=True)
    assert report.ok
    assert {unit.kind for unit in report.units} == {"repository"}
    assert report.left["counters (not chosen)"] == len(NAMES) + 1
    for wrong in ("repository", [], ["repositories"]):
        with pytest.raises(InvalidArgument):
            await async_migrate(source, target, kinds=wrong)


async def test_differences_are_found(open_store: Open) -> None:
    """Missing, different and extra records are each reported for their unit."""
    source, target = await open_store("redis"), await open_store("level")
    await fill(source)
    migration = AsyncMigration(source, target)
    await migration.plan()
    await migration.run()
    await target.counter(NAMES[0]).increment()
    await target.groups("tags").remove(NAMES[0], NAMES[0])
    await target.leaderboard("points").set("new", 5)
    report = await migration.verify()
    assert not report.ok
    found = {unit: (c.missing, c.different, c.extra) for unit, c in report.compared.items()}
    assert found.pop(Unit("counter")) == (0, 1, 0)
    assert found.pop(Unit("groups", "tags")) == (1, 0, 0)
    assert found.pop(Unit("leaderboard", "points")) == (0, 0, 1)
    assert set(found.values()) == {(0, 0, 0)}


@pytest.mark.parametrize("kind", ["level", "redis"])
async def test_the_same_place_is_refused(open_store: Open, kind: str) -> None:
    """A migration of a store to itself is refused before it reads or writes."""
    store = await open_store(kind)
    await store.counter("c").increment()
    with pytest.raises(InvalidArgument):
        await async_migrate(store, store, merge=True)


async def test_an_interrupted_migration_from_elsewhere(open_store: Open) -> None:
    """A target with another migration's data is refused, and not taken for an empty one."""
    stores = [await open_store("level") for _ in range(3)]
    for store in stores[:2]:
        await store.counter("c").increment()

    def stop(phase: str, unit: Unit, done: int, total: int) -> None:
        raise KeyError(phase)

    with pytest.raises(KeyError):
        await async_migrate(stores[0], stores[2], progress=stop)
    with pytest.raises(Conflict, match="interrupted"):
        await async_migrate(stores[1], stores[2])
    assert (await async_migrate(stores[0], stores[2], verify=True)).ok


@pytest.mark.parametrize("kind", ["level", "redis"])
async def test_items_from_a_clock_that_is_ahead(open_store: Open, kind: str) -> None:
    """What was ready there is ready here, and what is pushed from now on comes behind it."""
    source, target = await open_store("redis"), await open_store(kind)
    queue, unit = source.work_queue("jobs"), Unit("work_queue", "jobs")
    await queue.push(1, id="first")
    [record] = [one for one in await transfer_of(source).find(unit, [("first",)]) if one]
    ahead = Record(("far",), {**record.data, "at": record.data["at"] + 10**10}, {"ready": True})
    assert await transfer_of(target).add(unit, [record, ahead]) == 2
    await target.work_queue("jobs").push(2, id="later")
    taken = [await target.work_queue("jobs").take() for _ in range(3)]
    assert [one and one.id for one in taken] == ["first", "far", "later"]


@pytest.mark.parametrize(("one", "other"), PAIRS[:4])
async def test_what_is_kept_for_a_time_is_so_there(open_store: Open, one: str, other: str) -> None:
    """Buckets of a calendar counter expire in the target too, and not before their time."""
    source, target = await open_store(one), await open_store(other)
    unit, id = Unit("calendar_counter"), ("bounded", "x")
    bounded = source.calendar_counter("bounded", buckets=("day", "total"), keep={"day": KEPT})
    await bounded.add("x", at=WHEN[0])
    [before] = await transfer_of(source).find(unit, [id])
    await async_migrate(source, target)
    [after] = await transfer_of(target).find(unit, [id])
    assert before is not None
    assert after is not None
    key = "2031-01-01"
    assert set(before.hints) == set(after.hints) == {key}
    later = after.hints[key] - before.hints[key]  # microseconds, told by milliseconds
    assert -10_000 < later < 366 * 86_400 * 10**6


async def test_an_index_is_filled_again_after_a_merge(tmp_path: Path) -> None:
    """After a merge even an index that was complete is filled again."""
    old, new = (f"level:{tmp_path}/{name}" for name in ("old", "new"))
    for url, age in ((old, 3), (new, 5)):
        async with AsyncStore.from_url(url) as store:
            people = store.repository("people", Person, indexes=[BY_AGE])
            await people.create(Person(id=f"aged {age}", age=age))
            assert await people.count("by_age") == 1
    async with AsyncStore.from_url(old) as source, AsyncStore.from_url(new) as target:
        await async_migrate(source, target, merge=True)
    async with AsyncStore.from_url(new) as store:
        people = store.repository("people", Person, indexes=[BY_AGE])
        assert [one.age async for one in people.iterate("by_age")] == [3, 5]


@pytest.mark.parametrize("kind", ["level", "redis"])
async def test_what_stays_behind_is_told(open_store: Open, kind: str) -> None:
    """Everything in the namespace that is not carried is listed, unknown data too."""
    store = await open_store(kind)
    await fill(store)
    await store.concurrency_limiter("slots", limit=1, lease=60).acquire("ann")
    await store.calendar_counter("hits", buckets=BUCKETS).add("x", op_id="o")
    transfer = transfer_of(store)
    expected = {
        "remembered operations (op_id)": 2,
        "rate limiter windows": 1,
        "concurrency leases": 1,
        "`once` keys of queues": 1,
        "remembered ids of queues (dedup)": 1,
    }
    if isinstance(transfer, RedisTransfer):
        tag = f"{{{transfer.address.partition('#')[2]}:repository:people}}"
        await write(transfer.redis, "SET", f"{tag}:doc:by-hand", 1, key=tag.encode())
        await write(transfer.redis, "SET", f"{tag}:other", 1, key=tag.encode())
        expected |= {
            "documents of 'people' that its list does not have": 1,
            "keys `…:other` of the pattern 'repository'": 1,
        }
    else:
        backend = store._backend
        assert isinstance(backend, LevelBackend)
        level = backend._client
        assert level is not None
        await level.put("plain", 1)
        await level.sublevel("mine").put("key", 2)
        expected |= {
            "plain keys": 1,
            "sublevel 'mine' (plain keys, or another namespace)": 1,
            "change log entries (followers begin anew)": len(NAMES) + 1,
        }
    found = (await transfer.inventory()).left
    found.pop("remembered requests of queues", None)
    assert found == expected
