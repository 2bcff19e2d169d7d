"""Queue workers in processes of their own: `queue_programs.py NAME ...`.

Each leaves a line `id attempt` in a file for every time a handler ran through, before it is acked,
and prints its summary as JSON when it ends by itself.
"""

import asyncio
import json
import logging
import os
import random
import signal
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from datapatterns.core.work_queue import WorkSummary
from datapatterns.errors import DataError
from datapatterns.level import Level
from datapatterns.level import WorkQueue as LevelQueue
from datapatterns.patterns._async.queue_worker import AsyncWorker
from datapatterns.patterns._sync.queue_worker import Worker
from datapatterns.redis._async.work_queue import AsyncWorkQueue
from datapatterns.redis._sync.work_queue import WorkQueue

# A worker that is alive keeps its leases, though the machine may be busy.
OPTIONS: Any = {"lease": 5.0, "max_attempts": 50, "backoff": 0.02}


def say(*words: object) -> None:
    """Print a line for the test to read."""
    print(*words, flush=True)


class Effects:
    """The file of what was done; one write a line, so that a kill never tears one."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def __call__(self, item: Any, delivery: Any) -> None:
        """Work for a moment, fail now and then, and leave a line."""
        time.sleep(random.random() * 0.004)
        if item == "poison" or random.random() < 0.02:
            raise ValueError("it happens")
        os.write(self._file, f"{delivery.id} {delivery.attempt}\n".encode())
        time.sleep(random.random() * 0.002)


def say_when_ready() -> None:
    """Print a line once a signal would drain the worker that the main thread is about to run."""

    def watch() -> None:
        while signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            time.sleep(0.001)
        say("ready")

    threading.Thread(target=watch, daemon=True).start()


def tell(summary: WorkSummary) -> None:
    """Print the line."""
    say(json.dumps(asdict(summary)))


def redis_worker(port: str, name: str, effects: str) -> None:
    """Run the sync worker until a signal."""
    client = Redis(port=int(port), socket_timeout=5)
    queue: WorkQueue[Any] = WorkQueue(client, name, **OPTIONS)
    say_when_ready()
    tell(Worker(queue, Effects(effects), parallel=4).run())


def async_redis_worker(port: str, name: str, effects: str) -> None:
    """Run the async worker until a signal."""

    async def main() -> None:
        client = AsyncRedis(port=int(port), socket_timeout=5)
        queue: AsyncWorkQueue[Any] = AsyncWorkQueue(client, name, **OPTIONS)
        say_when_ready()
        tell(await AsyncWorker(queue, Effects(effects), parallel=4).run())
        await client.aclose()

    asyncio.run(main())


def slow_redis_worker(port: str, name: str, lease: str) -> None:
    """Run the sync worker with a handler that takes longer than its lease."""

    def handle(item: Any, delivery: Any) -> None:
        say("begin", delivery.attempt)
        until = time.monotonic() + 1.5 * float(lease)
        while time.monotonic() < until:
            time.sleep(0.05)
        say("end", delivery.lost)

    client = Redis(port=int(port), socket_timeout=5)
    queue: WorkQueue[Any] = WorkQueue(client, name, **{**OPTIONS, "lease": float(lease)})
    say_when_ready()
    tell(Worker(queue, handle).run())


def level_worker(folder: str, effects: str, first: str) -> None:
    """Push and work in one process, telling each id once its push has returned."""
    number = int(first)
    with Level.open(Path(folder)) as level:
        queue: LevelQueue[Any] = LevelQueue(level, "jobs", **OPTIONS)

        def push() -> None:
            nonlocal number
            while True:
                id = f"{number}"
                try:
                    queue.push("poison" if number % 50 == 0 else number, id=id)
                except DataError:
                    return
                say("pushed", id)
                number += 1

        threading.Thread(target=push, daemon=True).start()
        Worker(queue, Effects(effects), parallel=4).run()


def careful_level_pusher(folder: str, first: str) -> None:
    """Push with `dedup`, take, and cancel, in a directory."""
    with Level.open(Path(folder)) as level:
        queue: LevelQueue[Any] = LevelQueue(level, "jobs", **OPTIONS)
        push_carefully(queue, int(first))


def careful_redis_pusher(port: str, name: str, first: str) -> None:
    """Push with `dedup`, take, and cancel, in Redis."""
    client = Redis(port=int(port), socket_timeout=5)
    queue: WorkQueue[Any] = WorkQueue(client, name, **OPTIONS)
    push_carefully(queue, int(first))


def push_carefully(queue: Any, number: int) -> None:
    """Tell of each push and each cancel once it has returned; ack what is not cancelled."""
    while True:
        queue.push(number, id=f"kept-{number}", dedup=3600)
        say("pushed", f"kept-{number}")
        delivery = queue.take()
        if delivery is not None:
            delivery.ack()
        queue.push(number, id=f"gone-{number}", delay=3600)
        if queue.cancel(f"gone-{number}"):
            say("cancelled", f"gone-{number}")
        number += 1


if __name__ == "__main__":
    logging.disable()
    globals()[sys.argv[1]](*sys.argv[2:])
