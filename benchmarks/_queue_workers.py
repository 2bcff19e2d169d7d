"""One worker of each queue library, in a process of its own, on jobs that do nothing.

The process queues the jobs, works until the last one is done, and prints jobs a second and the
server's round trips for one job. Both figures leave out the first tenth of the jobs, so that the
time a worker needs to start counts for none of them. benchmarks.redis_queue runs it.
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

from benchmarks._round_trips import ASKING, reads

total = 0  # jobs
port = 0
_numbers = count(1)
_first: tuple[float, int] = (0.0, 0)


def job() -> None:
    """Do nothing; the last job prints the figures and ends the process."""
    global _first
    number = next(_numbers)  # atomic, also among threads
    if number == total // 10:
        _first = time.perf_counter(), reads(port)
    elif number == total:
        seconds, trips = time.perf_counter() - _first[0], reads(port) - _first[1] - ASKING
        jobs = total - total // 10
        print(json.dumps({"rate": jobs / seconds, "trips": trips / jobs}), flush=True)
        os._exit(0)  # at once: the worker's threads and tasks need not end in order


async def async_job(*_: object) -> None:
    """Do what `job` does, for queues that need a coroutine function."""
    job()


async def run_ours(url: str, parallel: int) -> None:
    """Run our async worker."""
    from redis.asyncio import Redis

    from datapatterns import AsyncWorker
    from datapatterns.redis import AsyncWorkQueue

    async with Redis.from_url(url) as client:
        queue = AsyncWorkQueue(client, "bench")
        await queue.push_many([None] * total)
        await AsyncWorker(queue, async_job, parallel=parallel).run()


def run_ours_sync(url: str, parallel: int) -> None:
    """Run our sync worker, which uses threads."""
    from redis import Redis

    from datapatterns import Worker
    from datapatterns.redis import WorkQueue

    with Redis.from_url(url) as client:
        queue = WorkQueue(client, "bench")
        queue.push_many([None] * total)
        Worker(queue, lambda _: job(), parallel=parallel).run()


def run_rq(url: str, parallel: int) -> None:
    """Run rq's fastest worker, the one that does not fork."""
    from redis import Redis
    from rq import Queue, SimpleWorker

    assert parallel == 1
    connection = Redis.from_url(url)
    queue = Queue(connection=connection)
    queue.enqueue_many([Queue.prepare_data(job) for _ in range(total)])
    SimpleWorker([queue], connection=connection).work(logging_level="ERROR")


def run_huey(url: str, parallel: int) -> None:
    """Run huey's consumer with threads."""
    from huey import RedisHuey

    huey = RedisHuey("bench", url=url)
    task = huey.task()(job)
    for _ in range(total):
        task()
    huey.create_consumer(workers=parallel, periodic=False).run()


def run_dramatiq(url: str, parallel: int) -> None:
    """Run dramatiq's worker with threads."""
    import dramatiq
    from dramatiq.brokers.redis import RedisBroker

    broker = RedisBroker(url=url)
    actor = dramatiq.actor(job, broker=broker)
    for _ in range(total):
        actor.send()
    dramatiq.Worker(broker, worker_threads=parallel).start()
    threading.Event().wait()


async def run_saq(url: str, parallel: int) -> None:
    """Run saq's worker."""
    from saq import Queue, Worker

    queue = Queue.from_url(url)
    await queue.connect()
    for _ in range(total):
        await queue.enqueue("async_job")
    await Worker(queue, [async_job], concurrency=parallel).start()


async def run_streaq(url: str, parallel: int) -> None:
    """Run streaq's worker."""
    from streaq import Worker

    worker = Worker(redis_url=url, concurrency=parallel)
    task = worker.task(async_job)
    async with worker:
        await worker.enqueue_many([task.enqueue() for _ in range(total)])
    await worker.run_async()


async def run_taskiq(url: str, parallel: int) -> None:
    """Run taskiq on its stream broker, which acks; its list broker loses a killed worker's jobs."""
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
    """Run the worker of the named queue; `job` prints the result and ends the process."""
    global total, port
    total, port = jobs, int(url.rsplit(":", 1)[1].split("/")[0])
    running = RUNS[name](url, parallel)
    if asyncio.iscoroutine(running):
        asyncio.run(running)
    sys.exit(f"the worker of {name} ended before all jobs were done")
