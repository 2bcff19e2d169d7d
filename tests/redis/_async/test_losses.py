"""Every changing call with its reply lost: at most one effect, and OutcomeUnknown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from datapatterns import AsyncStore, DataError, OutcomeUnknown
from datapatterns.testing.faults.proxy import FaultProxy
from datapatterns.testing.servers.redis import HOST, RedisServer
from datapatterns.testing.waiting import async_eventually, spans

MOMENT = datetime(2014, 1, 15, tzinfo=UTC)


@pytest.fixture
async def behind(
    redis_server: RedisServer,
    fault_proxy: Callable[[str, int], FaultProxy],
    connect: Any,
    namespace: str,
    lent: Any,
) -> tuple[FaultProxy, AsyncStore]:
    """Return a proxy, and a store over a client with retries that goes through it."""
    proxy = fault_proxy(HOST, redis_server.port)
    return proxy, AsyncStore(lent(await connect(proxy), namespace))


async def lost(proxy: FaultProxy, call: Any, *args: Any, **options: Any) -> None:
    """Assert that the call with a lost reply is OutcomeUnknown."""
    before = proxy.lost
    proxy.lose_reply(to=b"test-")
    with pytest.raises(OutcomeUnknown):
        await call(*args, **options)
    assert proxy.lost == before + 1


async def test_counter(behind: tuple[FaultProxy, AsyncStore]) -> None:
    """Each lost call counted once, and with an op_id it can be repeated."""
    proxy, store = behind
    hits = store.counter("hits")
    await store.counter("other").increment(op_id="a")  # so that the server has the scripts
    await store.counter("other").reset()
    await lost(proxy, hits.increment, 5)
    assert await hits.value() == 5
    await lost(proxy, hits.decrement, 2)
    assert await hits.value() == 3
    await lost(proxy, hits.increment, 10, op_id="a")
    await lost(proxy, hits.increment, 10, op_id="a")
    assert await hits.increment(10, op_id="a") == 13
    assert await hits.value() == 13
    await lost(proxy, hits.reset)
    assert await hits.value() == 0


async def test_calendar_counter(behind: tuple[FaultProxy, AsyncStore]) -> None:
    """All buckets counted once, and with an op_id the call can be repeated."""
    proxy, store = behind
    visits = store.calendar_counter("visits")
    await visits.add("ann", 0, at=MOMENT)
    await lost(proxy, visits.add, "ann", 5, at=MOMENT)
    await lost(proxy, visits.add, "ann", 7, at=MOMENT, op_id="a")
    counted = await visits.add("ann", 7, at=MOMENT, op_id="a")
    assert counted == {"total": 12, "2014": 12, "2014-01": 12, "2014-01-15": 12}
    assert await visits.read("ann", "2014-01-15") == 12
    proxy.lose_reply(to=b"EVAL")
    with pytest.raises(OutcomeUnknown):
        await visits.forget("ann")
    await visits.forget("ann")
    assert await visits.read("ann", "total") == 0


@pytest.mark.parametrize("algorithm", ["sliding", "fixed", "gcra"])
async def test_rate_limiter(behind: tuple[FaultProxy, AsyncStore], algorithm: str) -> None:
    """A lost hit was charged once."""
    proxy, store = behind
    api = store.rate_limiter("api", limit=10, window=600, algorithm=algorithm)
    assert (await api.hit("ann")).remaining == 9
    await lost(proxy, api.hit, "ann", 3)
    assert (await api.hit("ann")).remaining == 5
    await lost(proxy, api.reset, "ann")
    assert (await api.hit("ann")).remaining == 9


async def test_concurrency_limiter(behind: tuple[FaultProxy, AsyncStore]) -> None:
    """A lease whose reply was lost expires; a release whose reply was lost took effect."""
    proxy, store = behind
    lease = await store.concurrency_limiter("other", limit=1, lease=60).acquire("bob")
    assert lease is not None  # and now the server has the scripts
    await lease.extend()
    await lease.release()
    for span in spans():
        subject = f"ann {span.seconds}"
        kept = await store.concurrency_limiter("jobs", limit=2, lease=600).acquire(subject)
        assert kept is not None
        jobs = store.concurrency_limiter("jobs", limit=2, lease=span.seconds)
        with span:
            await lost(proxy, jobs.acquire, subject)
            assert await jobs.acquire(subject) is None
        if span.late:
            continue
        await async_eventually(lambda jobs=jobs, subject=subject: jobs.acquire(subject))
        await lost(proxy, kept.extend)
        await lost(proxy, kept.release)
        assert await kept.release() is False
        assert await jobs.acquire(subject) is not None


async def test_exact_counts_under_many_losses(
    behind: tuple[FaultProxy, AsyncStore], figures: Callable[..., None]
) -> None:
    """With op_ids, calls repeated until they are answered count exactly once."""
    proxy, store = behind
    hits, visits = store.counter("hits"), store.calendar_counter("visits")
    await hits.increment(0, op_id="warm")
    tries = 0
    for turn in range(100):
        if turn % 3 == 0:
            proxy.lose_reply(to=b"EVALSHA", skip=turn % 2)
        for call in (
            lambda op: hits.increment(1, op_id=op),
            lambda op: visits.add("ann", 1, at=MOMENT, op_id=op),
        ):
            while True:
                tries += 1
                try:
                    await call(f"op-{turn}")
                    break
                except DataError:
                    continue
    proxy.forget_losses()
    assert await hits.value() == 100
    assert await visits.read("ann", "2014-01-15") == 100
    figures("redis: counted with op_ids", operations=200, tries=tries, lost=proxy.lost, doubled=0)
