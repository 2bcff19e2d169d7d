"""The work queue with replies lost: each step has one effect, or is OutcomeUnknown."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from datapatterns import AsyncStore, Conflict, OutcomeUnknown, Unavailable
from datapatterns.core.work_queue import QueueStats, WorkSummary
from datapatterns.errors import DataCorrupted
from datapatterns.patterns._async.queue_worker import AsyncWorker
from datapatterns.testing._async.concurrently import meanwhile
from datapatterns.testing.conformance._async.work_queue import take
from datapatterns.testing.faults.proxy import FaultProxy
from datapatterns.testing.servers.redis import HOST, RedisServer
from datapatterns.testing.waiting import async_eventually

TRIES = 3  # how often one call sends its request

Behind = tuple[FaultProxy, Any, Any]


@pytest.fixture
async def behind(
    redis_server: RedisServer,
    fault_proxy: Callable[[str, int], FaultProxy],
    connect: Any,
    namespace: str,
    lent: Any,
) -> Behind:
    """Return a proxy, a queue that goes through it, and the same queue without it."""
    proxy = fault_proxy(HOST, redis_server.port)
    near = AsyncStore(lent(await connect(redis_server), namespace))
    far = AsyncStore(lent(await connect(proxy), namespace))
    await _load_scripts(near.work_queue("other"))
    return proxy, far.work_queue("mail", lease=60.0, backoff=0), near.work_queue("mail", lease=60.0)


async def _load_scripts(queue: Any) -> None:
    """Use every script once: a lost NOSCRIPT would be a call that never ran."""
    await queue.push("a")
    await (await take(queue)).bury("no")
    assert await queue.requeue_dead() == await queue.purge() == 1
    await queue.pause()
    await queue.cancel("a")
    await queue.once("a", 1)


class Losing:
    """Loses the replies to the next requests of the queue, so many; checks that it did."""

    def __init__(self, proxy: FaultProxy, losses: int) -> None:
        self.proxy, self.losses = proxy, losses
        self.to = b":seat:"  # all that changes something is asked from a seat, save `once`

    async def __call__(self, fn: Any, *arguments: Any, **options: Any) -> Any:
        """Call the function once; with all tries lost it must be unknown, and then is repeated."""
        before = self.proxy.lost
        for _ in range(self.losses):
            self.proxy.lose_reply(to=self.to)
        if self.losses == TRIES:
            with pytest.raises(OutcomeUnknown):
                await fn(*arguments, **options)
        else:
            result = await fn(*arguments, **options)
        assert self.proxy.lost == before + self.losses
        return None if self.losses == TRIES else result


@pytest.fixture(params=[1, 2, TRIES])
def losing(request: pytest.FixtureRequest, behind: Behind) -> Losing:
    """Lose one reply, two, or all that a call waits for."""
    return Losing(behind[0], request.param)


async def test_several_verdicts_on_one_item(behind: Behind) -> None:
    """Verdicts in one step take effect one after the other."""
    _, far, _ = behind
    for first, second, outcomes in (
        ("ack", "ack", ["ack", "lost"]),
        ("retry", "ack", ["retry", "lost"]),
        ("bury", "release", ["bury", "lost"]),
        ("renew", "ack", ["renew", "ack"]),
    ):
        await far.purge()
        await far.push("x")
        taken = await far.exchange(far.request(take=1))
        verdicts = [taken.holds[0].verdict(first, 1), taken.holds[0].verdict(second)]
        exchange = await far.exchange(far.request(verdicts))
        assert exchange.outcomes == outcomes


async def test_push(behind: Behind, losing: Losing) -> None:
    """Whichever reply is lost, one item is pushed, and the error has its id."""
    _, far, near = behind
    await losing(far.push, "a", id="a")
    await losing(far.push_many, ["b", "c"])
    await losing(far.push, "d", delay=3600)
    assert await near.stats() == QueueStats(3, 1, 0, 0, 0)


async def test_an_unknown_push_tells_its_id(behind: Behind) -> None:
    """OutcomeUnknown has the id, so that the item can be pushed again under it."""
    proxy, far, near = behind
    for _ in range(TRIES):
        proxy.lose_reply(to=b":seat:")
    with pytest.raises(OutcomeUnknown) as raised:
        await far.push("e")
    assert raised.value.data["ids"] == [(await take(near)).id]


async def test_a_push_is_not_repeated_after_its_ack(behind: Behind) -> None:
    """An item acked before the pusher's second attempt is not queued again."""
    proxy, far, near = behind
    await far.stats()
    proxy.lose_reply(to=b":seat:")

    async def consume() -> None:
        await (await take(near)).ack()

    async with meanwhile(consume):
        await far.push("a", id="a")
    assert await near.stats() == QueueStats(0, 0, 0, 0, 0)


async def test_push_with_dedup(behind: Behind, losing: Losing) -> None:
    """One item is pushed and its id remembered; a push repeated after its ack queues nothing."""
    _, far, near = behind
    await losing(far.push, "a", id="a", dedup=3600)
    assert await near.stats() == QueueStats(1, 0, 0, 0, 0)
    await (await take(near)).ack()
    assert await losing(far.push, "a", id="a", dedup=3600) in ("a", None)
    assert await near.push("a", id="a") == "a"
    assert await near.stats() == QueueStats(0, 0, 0, 0, 0)


async def test_cancel(behind: Behind, losing: Losing) -> None:
    """The item is removed, and the caller learns that it was, at the latest by calling again."""
    _, far, near = behind
    await near.push("a", id="a")
    assert await losing(far.cancel, "a") in (True, None)
    assert await near.stats() == QueueStats(0, 0, 0, 0, 0)
    if losing.losses == TRIES:
        assert await far.cancel("a") is True
    assert await far.cancel("a") is False


async def test_a_cancel_is_not_repeated_after_a_new_push(behind: Behind) -> None:
    """An item pushed under the same id between the tries of one cancel stays."""
    proxy, far, near = behind
    await near.push("old", id="a")
    proxy.lose_reply(to=b":seat:")

    async def push_again() -> None:
        async def gone() -> bool:
            return await near.find("a") is None

        await async_eventually(gone)
        await near.push("new", id="a")

    async with meanwhile(push_again):
        assert await far.cancel("a") is True
    assert (await take(near)).item == "new"


async def test_a_cancel_after_an_unknown_one(behind: Behind) -> None:
    """It removes what was pushed meanwhile, too, and says so if only the first had an item."""
    proxy, far, near = behind
    await near.push("old", id="a")
    await Losing(proxy, TRIES)(far.cancel, "a")
    await near.push("new", id="a")
    proxy.refuse()
    with pytest.raises(Unavailable):
        await far.cancel("a")
    proxy.listen()
    assert await far.cancel("a") is True
    assert await near.stats() == QueueStats(0, 0, 0, 0, 0)
    assert await far.cancel("a") is False


async def test_take(behind: Behind, losing: Losing) -> None:
    """The same item is handed out, as its first attempt."""
    _, far, near = behind
    await near.push_many(["a", "b"])
    delivery = await losing(far.take) or await far.take()
    assert (delivery.item, delivery.attempt) == ("a", 1)
    assert await near.stats() == QueueStats(1, 0, 1, 0, 0)
    await delivery.ack()
    assert (await far.take()).item == "b"


async def test_ack(behind: Behind, losing: Losing) -> None:
    """The item is acked; repeating an ack of unknown outcome succeeds."""
    _, far, near = behind
    await near.push("a")
    delivery = await take(far)
    await losing(delivery.ack)
    assert await near.stats() == QueueStats(0, 0, 0, 0, 0)
    await delivery.ack()
    await delivery.ack()


@pytest.mark.parametrize("verb", ["retry", "bury", "release"])
async def test_other_verdicts(behind: Behind, losing: Losing, verb: str) -> None:
    """Each verdict takes effect once; repeating it succeeds although the item was taken again."""
    _, far, near = behind
    await near.push("a")
    delivery = await take(far)
    arguments = {"retry": (0.0, "it rained"), "bury": ("no",), "release": ()}[verb]
    await losing(getattr(delivery, verb), *arguments)
    dead = 1 if verb == "bury" else 0
    assert await near.stats() == QueueStats(1 - dead, 0, 0, dead, 0)
    if not dead:
        attempt = 2 if verb == "retry" else 1
        assert (await take(near)).attempt == attempt
    if losing.losses == TRIES:
        await getattr(delivery, verb)(*arguments)
        assert await near.stats() == QueueStats(0, 0, 1 - dead, dead, 0)


async def test_another_verdict_after_an_unknown_one(behind: Behind) -> None:
    """If the first verdict took effect, another one raises lease_lost."""
    proxy, far, near = behind
    await near.push("a")
    delivery = await take(far)
    await Losing(proxy, TRIES)(delivery.ack)
    with pytest.raises(Conflict):
        await delivery.retry(delay=0)
    assert await near.stats() == QueueStats(0, 0, 0, 0, 0)
    await delivery.ack()


async def test_extend(behind: Behind, losing: Losing) -> None:
    """The lease is extended."""
    _, far, near = behind
    await near.push("a")
    delivery = await take(far)
    await losing(delivery.extend, 600)
    await delivery.ack()


async def test_dead_letters_and_purge(behind: Behind, losing: Losing) -> None:
    """Each dead letter is requeued or removed once, and counted once."""
    _, far, near = behind
    ids = await near.push_many("abc")
    for _ in range(3):
        await (await take(near)).bury("no")
    assert await losing(far.requeue_dead, ids[:1]) in (1, None)
    assert await near.stats() == QueueStats(1, 0, 0, 2, 0)
    assert await losing(far.requeue_dead) in (2, None)
    assert await near.stats() == QueueStats(3, 0, 0, 0, 0)
    assert await losing(far.purge) in (3, None)
    assert await near.stats() == QueueStats(0, 0, 0, 0, 0)


async def test_pause_and_resume(behind: Behind, losing: Losing) -> None:
    """The queue is paused, and resumed, whichever reply is lost."""
    _, far, near = behind
    await near.push("a")
    await losing(far.pause)
    assert await near.take() is None
    await losing(far.resume)
    assert (await take(near)).item == "a"


async def test_once(behind: Behind, losing: Losing) -> None:
    """The first caller gets True, also after repetitions; others get False."""
    _, far, near = behind
    losing.to = b":once:"
    assert await losing(far.once, "k", 60) in (True, None)
    assert await near.once("k", 60) is False
    if losing.losses == TRIES:
        assert await far.once("k", 60) is True
    assert await far.once("k", 60) is False


async def test_an_unreachable_server_changes_nothing(behind: Behind) -> None:
    """Without a server the calls are Unavailable, not OutcomeUnknown, and later work."""
    proxy, far, near = behind
    await near.push_many(["a", "b"])
    delivery = await take(far)
    proxy.refuse()
    for call in (far.stats, delivery.ack, far.take):
        with pytest.raises(Unavailable):
            await call()
    proxy.listen()
    assert await near.stats() == QueueStats(1, 0, 1, 0, 0)
    await delivery.ack()
    assert (await take(far)).item == "b"


async def test_unknown_stays_unknown(behind: Behind) -> None:
    """If the server is gone after a lost reply, the call is still OutcomeUnknown."""
    proxy, far, near = behind
    await near.push_many(["a"])
    delivery = await take(far)
    proxy.lose_reply(to=b":seat:")

    async def cut() -> None:
        async def lost() -> bool:
            return proxy.lost > 0

        await async_eventually(lost)
        proxy.refuse()

    async with meanwhile(cut):
        with pytest.raises(OutcomeUnknown):
            await delivery.ack()
    proxy.listen()
    await delivery.ack()


async def test_a_worker_under_losses(behind: Behind) -> None:
    """With every tenth reply lost, every item is handled and acked once."""
    proxy, far, near = behind
    await near.push_many(range(300))
    seen: list[int] = []

    async def handle(item: int) -> None:
        seen.append(item)
        if len(seen) == 300:
            worker.stop()

    for turn in range(30):
        proxy.lose_reply(to=b":seat:", skip=turn * 5)
    worker = AsyncWorker(far, handle, parallel=3, signals=False)
    assert await worker.run() == WorkSummary(acked=300)
    proxy.forget_losses()
    assert sorted(seen) == list(range(300))
    assert proxy.lost > 5
    assert await near.stats() == QueueStats(0, 0, 0, 0, 0)


async def test_a_worker_outlives_an_outage(behind: Behind) -> None:
    """A worker goes on after an outage, and acks what it handled meanwhile."""
    proxy, far, near = behind
    await near.push_many(range(20))
    seen: list[int] = []

    async def handle(item: int) -> None:
        seen.append(item)
        if item == 3:
            proxy.refuse()
        if item == 19:
            worker.stop()

    async def mend() -> None:
        async def broken() -> bool:
            return 3 in seen

        await async_eventually(broken)
        await asyncio.sleep(0.5)
        proxy.listen()

    worker = AsyncWorker(far, handle, signals=False)
    async with meanwhile(mend):
        assert await worker.run() == WorkSummary(acked=20)
    assert seen == list(range(20))


async def test_scripts_flushed_in_mid_run(
    redis_server: RedisServer, connect: Any, namespace: str, lent: Any
) -> None:
    """With repeated SCRIPT FLUSH no item is lost or handled twice."""
    client = await connect(redis_server)
    queue: Any = AsyncStore(lent(client, namespace)).work_queue("mail")
    await queue.push_many(range(500))
    seen: list[int] = []
    flushes = 0

    async def handle(item: int) -> None:
        seen.append(item)
        if len(seen) == 500:
            worker.stop()

    async def flush() -> None:
        nonlocal flushes
        other = await connect(redis_server)
        while len(seen) < 500:
            await other.script_flush()
            flushes += 1
            await asyncio.sleep(0.005)

    worker = AsyncWorker(queue, handle, parallel=2, signals=False)
    async with meanwhile(flush):
        assert await worker.run() == WorkSummary(acked=500)
    assert sorted(seen) == list(range(500))
    assert flushes > 3


async def test_a_wrong_type_changes_nothing(
    redis_server: RedisServer, connect: Any, namespace: str, lent: Any
) -> None:
    """With another type at any key, a call is DataCorrupted and changes nothing."""
    client = await connect(redis_server)
    queue: Any = AsyncStore(lent(client, namespace)).work_queue("mail")
    await queue.push("a", delay=3600)
    await queue.push_many(["b", "c", "d"])
    await (await take(queue)).bury("no")
    delivery = await take(queue)
    parts = ("jobs", "ready", "delayed", "leases", "dead", "wake")
    keys = [queue._keys(part) for part in parts]

    async def contents() -> list[Any]:
        kinds = [await client.type(key) for key in keys]
        return [await _content(client, key, kind) for key, kind in zip(keys, kinds, strict=True)]

    whole = [await client.dump(key) for key in keys]
    assert None not in whole
    refused = 0
    for key in keys:
        for call, argument in (
            (queue.push, 1), (queue.take, 0), (delivery.retry, 0), (queue.requeue_dead, None),
            (queue.purge, None), (queue.resume, None), (queue.cancel, "x"),
        ):  # fmt: skip
            await client.set(key, "x")
            before = await contents()
            try:
                await (call() if argument is None else call(argument))
            except DataCorrupted:
                refused += 1
                assert await contents() == before
            for each, data in zip(keys, whole, strict=True):
                await client.restore(each, 0, data, replace=True)
    assert refused == 35


async def _content(client: Any, key: bytes, kind: bytes) -> Any:
    if kind == b"hash":
        return await client.hgetall(key)
    if kind == b"zset":
        return await client.zrange(key, 0, -1, withscores=True)
    return await client.lrange(key, 0, -1) if kind == b"list" else await client.get(key)
