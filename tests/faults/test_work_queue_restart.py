"""A server that is really killed and started again under load, and a take that is cancelled."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from datapatterns.core.work_queue import QueueStats
from datapatterns.errors import DataError, OutcomeUnknown
from datapatterns.level import AsyncLevel
from datapatterns.level import AsyncWorkQueue as AsyncLevelQueue
from datapatterns.patterns._sync.queue_worker import Worker
from datapatterns.redis._async.work_queue import AsyncWorkQueue
from datapatterns.redis._sync.work_queue import WorkQueue
from datapatterns.testing.servers.redis import RedisServer
from datapatterns.testing.waiting import PATIENCE, eventually


@pytest.fixture
def lasting() -> Iterator[RedisServer]:
    """Return a server that syncs its log at each write: with `everysec` 2 s could be lost."""
    with RedisServer(config=["--appendonly", "yes", "--appendfsync", "always"]) as server:
        yield server


def test_a_restarted_server(lasting: RedisServer, figures: Callable[..., None]) -> None:
    """After four SIGKILLs of the server every accepted item is handled, and acked as reported."""
    client = Redis(port=lasting.port, socket_timeout=5)
    queue: WorkQueue[int] = WorkQueue(client, "jobs", lease=2.0, backoff=0, max_attempts=50)
    done: Counter[int] = Counter()
    accepted: set[int] = set()
    unknown: set[int] = set()
    over = threading.Event()

    def handle(item: int) -> None:
        time.sleep(random.random() * 0.002)
        done[item] += 1

    def push() -> None:
        number = 0
        while not over.is_set():
            number += 1
            try:
                queue.push(number)
                accepted.add(number)
            except OutcomeUnknown:
                unknown.add(number)
            except DataError:
                time.sleep(0.01)

    worker = Worker(queue, handle, parallel=4, signals=False)
    summaries: list[Any] = []
    threads = [
        threading.Thread(target=lambda: summaries.append(worker.run())),
        threading.Thread(target=push),
    ]
    for thread in threads:
        thread.start()
    try:
        for _ in range(4):
            before = len(done)
            _wait(lambda: len(done) > before + 100)  # noqa: B023 - called at once
            lasting.kill()
            time.sleep(random.random() * 0.2)
            lasting.start()
        before = len(done)
        _wait(lambda: len(done) > before + 100)
        over.set()
        threads[1].join(PATIENCE)
        _wait(lambda: queue.stats() == QueueStats(0, 0, 0, 0, queue.stats().requeued))
    finally:
        over.set()
        worker.stop()
        for thread in threads:
            thread.join(PATIENCE)
    [summary] = summaries
    twice = sum(done.values()) - len(done)
    assert accepted <= set(done) <= accepted | unknown
    assert twice <= queue.stats().requeued
    assert summary.acked + summary.lost == sum(done.values())
    figures("queue, server killed", restarts=4, accepted=len(accepted), lost=0,
            unknown=len(unknown), taken_back=queue.stats().requeued, done_twice=twice)  # fmt: skip
    client.close()


def _wait(check: Callable[[], Any]) -> None:
    """Wait for the condition, which may need a server that is away at times."""

    def checked() -> Any:
        with suppress(DataError):  # the server is away
            return check()

    eventually(checked)


async def _a_little() -> None:
    """Let the loop go round a few times, or a little longer."""
    for _ in range(random.randrange(6)):
        await asyncio.sleep(0)
    if random.random() < 0.5:
        await asyncio.sleep(random.random() * 0.002)


async def _cancelled_takes(queue: Any) -> int:
    """Cancel takes at random moments; every item comes, as the first attempt."""
    await queue.push_many(range(60))
    seen: list[int] = []
    cancelled = 0
    while len(seen) < 60:
        task = asyncio.create_task(queue.take(timeout=5))
        await _a_little()
        task.cancel()
        try:
            delivery = await task
        except asyncio.CancelledError:
            cancelled += 1
            continue
        assert delivery.attempt == 1
        seen.append(delivery.item)
        ack = asyncio.create_task(delivery.ack())
        await _a_little()
        ack.cancel()
        await asyncio.wait([ack])
        await delivery.ack()
    assert sorted(seen) == list(range(60))
    assert await queue.stats() == QueueStats(0, 0, 0, 0, 0)
    return cancelled


async def test_cancelled_takes_on_redis(
    redis_server: RedisServer, figures: Callable[..., None]
) -> None:
    """A cancelled take or ack strands nothing, and a repeated ack knows its own outcome."""
    client = AsyncRedis(port=redis_server.port)
    queue: AsyncWorkQueue[int] = AsyncWorkQueue(client, f"c-{random.random()}", lease=3600.0)
    figures("cancelled takes on Redis", cancelled=await _cancelled_takes(queue), stranded=0)
    await client.aclose()


async def test_cancelled_takes_on_level(tmp_path: Path, figures: Callable[..., None]) -> None:
    """A cancelled take or ack in a directory strands no item either."""
    async with await AsyncLevel.open(tmp_path / "data") as level:
        queue: AsyncLevelQueue[int] = AsyncLevelQueue(level, "jobs", lease=3600.0)
        figures("cancelled takes on Level", cancelled=await _cancelled_takes(queue), stranded=0)


async def test_a_cancelled_block_gives_the_item_back(redis_server: RedisServer) -> None:
    """The item returns at once, and the attempt does not count."""
    client = AsyncRedis(port=redis_server.port)
    queue: AsyncWorkQueue[int] = AsyncWorkQueue(client, f"c-{random.random()}", lease=3600.0)
    await queue.push(1)

    inside = asyncio.Event()

    async def work() -> None:
        delivery = await queue.take()
        assert delivery is not None
        async with delivery:
            inside.set()
            await asyncio.sleep(3600)

    task = asyncio.create_task(work())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    delivery = await queue.take()
    assert delivery is not None
    assert delivery.attempt == 1
    await client.aclose()
