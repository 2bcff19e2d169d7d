"""One worker of each queue, as a process of its own that works off jobs which do nothing.

It first queues the jobs, then works until the last one, and prints jobs a second and the server's
round trips a job, both without the first tenth: starting costs no one. Run by benchmarks.redis.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from itertools import count

from datapatterns.testing.servers import ask

total = 0  # jobs
port = 0
_numbers = count(1)
_first: tuple[float, int] = (0.0, 0)


ASKING = 2  # reads that asking twice adds: the second question, and the end of the first


def reads() -> int:
    """How often the server has read from a client so far."""
    stats = dict(line.split(":", 1) for line in ask(port, "INFO", "stats").split() if ":" in line)
    return int(stats["total_reads_processed"])


def job() -> None:
    """Do nothing; the last one tells how it went and ends the process."""
    global _first
    number = next(_numbers)  # atomic, also among threads
    if number == total // 10:
        _first = time.perf_counter(), reads()
    elif number == total:
        seconds, trips = time.perf_counter() - _first[0], reads() - _first[1] - ASKING
        jobs = total - total // 10
        print(json.dumps({"rate": jobs / seconds, "trips": trips / jobs}), flush=True)
        os._exit(0)  # whatever the others still have to do


async def async_job(*_: object) -> None:
    """The same for queues that want a coroutine."""
    job()


async def run_ours(url: str, parallel: int) -> None:
    """Our worker, async."""
    from redis.asyncio import Redis

    from datapatterns import AsyncWorker
    from datapatterns.redis import AsyncWorkQueue

    async with Redis.from_url(url) as client:
        queue = AsyncWorkQueue(client, "bench")
        await queue.push_many([None] * total)
        await AsyncWorker(queue, async_job, parallel=parallel).run()


def run_ours_sync(url: str, parallel: int) -> None:
    """Our worker, with threads."""
    from redis import Redis

    from datapatterns import Worker
    from datapatterns.redis import WorkQueue

    with Redis.from_url(url) as client:
        queue = WorkQueue(client, "bench")
        queue.push_many([None] * total)
        Worker(queue, lambda _: job(), parallel=parallel).run()


def run_rq(url: str, parallel: int) -> None:
    """Its fastest worker, which does not fork."""
    from redis import Redis
    from rq import Queue, SimpleWorker

    assert parallel == 1
    connection = Redis.from_url(url)
    queue = Queue(connection=connection)
    queue.enqueue_many([Queue.prepare_data(job) for _ in range(total)])
    SimpleWorker([queue], connection=connection).work(logging_level="ERROR")


def run_huey(url: str, parallel: int) -> None:
    """Its threads."""
    from huey import RedisHuey

    huey = RedisHuey("bench", url=url)
    task = huey.task()(job)
    for _ in range(total):
        task()
    huey.create_consumer(workers=parallel, periodic=False).run()


def run_dramatiq(url: str, parallel: int) -> None:
    """Its threads."""
    import dramatiq
    from dramatiq.brokers.redis import RedisBroker

    broker = RedisBroker(url=url)
    actor = dramatiq.actor(job, broker=broker)
    for _ in range(total):
        actor.send()
    dramatiq.Worker(broker, worker_threads=parallel).start()
    threading.Event().wait()


async def run_saq(url: str, parallel: int) -> None:
    """Its worker."""
    from saq import Queue, Worker

    queue = Queue.from_url(url)
    await queue.connect()
    for _ in range(total):
        await queue.enqueue("async_job")
    await Worker(queue, [async_job], concurrency=parallel).start()


async def run_streaq(url: str, parallel: int) -> None:
    """Its worker."""
    from streaq import Worker

    worker = Worker(redis_url=url, concurrency=parallel)
    task = worker.task(async_job)
    async with worker:
        await worker.enqueue_many([task.enqueue() for _ in range(total)])
    await worker.run_async()


async def run_taskiq(url: str, parallel: int) -> None:
    """Its broker that acks, on a stream; the one on a list loses what a killed worker holds."""
    from taskiq.api import run_receiver_task
    from taskiq_redis import RedisStreamBroker

    broker = RedisStreamBroker(url)
    task = broker.task(async_job)
    broker.is_worker_process = True
    await broker.startup()
    for _ in range(total):
        await task.kiq()
    await run_receiver_task(broker, max_async_tasks=parallel)


RUNS: dict[str, Callable[[str, int], object]] = {
    "ours": run_ours,
    "ours, threads": run_ours_sync,
    "rq": run_rq,
    "huey": run_huey,
    "dramatiq": run_dramatiq,
    "saq": run_saq,
    "streaq": run_streaq,
    "taskiq": run_taskiq,
}


def main(name: str, url: str, parallel: int, jobs: int) -> None:
    """Run that queue's worker; what it prints last is the result."""
    global total, port
    total, port = jobs, int(url.rsplit(":", 1)[1].split("/")[0])
    running = RUNS[name](url, parallel)
    if asyncio.iscoroutine(running):
        asyncio.run(running)
    sys.exit(f"{name} ended before its jobs")
