"""Changes feeds and workers in a process of their own: `feed_worker.py KIND URL DATABASE ...`."""

import asyncio
import os
import random
import sys
import time
from pathlib import Path
from typing import Any

from datapatterns import AsyncChangesWorker, Change, ChangesWorker
from datapatterns.couch import AsyncChangesFeed, AsyncCouch, ChangesFeed, Couch

KIND, URL, DATABASE, *REST = sys.argv[1:]
SLOW = 3.0  # seconds that a slow consumer takes at least, and the changes that it handles at least
ENOUGH = 100
OPTIONS: dict[str, Any] = {"name": "w", "parallel": 6, "checkpoint_every": (5, 0.01)}


def effect(change: Change[Any]) -> None:
    """Append the change's id to the file, with random pauses before and after."""
    time.sleep(random.random() * 0.004)
    file = os.open(REST[0], os.O_WRONLY | os.O_APPEND)
    os.write(file, f"{change.id}\n".encode())
    os.close(file)
    time.sleep(random.random() * 0.004)


def stopping(worker: Any) -> Any:
    """Return a listener that reports the start and, on request, stops the worker at the end."""

    def listen(name: str, details: object) -> None:
        if name == "connected":
            print("ready", flush=True)
        if name == "caught_up" and len(REST) > 1:
            worker.stop()

    return listen


def work() -> None:
    """Handle changes until killed, or until the end."""
    with Couch(URL) as couch:
        feed = ChangesFeed[Any](couch, DATABASE)
        worker = ChangesWorker(feed, effect, **OPTIONS)
        feed.on_event(stopping(worker))
        worker.run()


async def work_async() -> None:
    """Handle changes on asyncio until killed, or until the end."""
    async with AsyncCouch(URL) as couch:
        feed = AsyncChangesFeed[Any](couch, DATABASE)
        worker = AsyncChangesWorker(feed, effect, **OPTIONS)
        feed.on_event(stopping(worker))
        await worker.run()


def memory() -> int:
    """Return how much memory this process has now, in kB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


class Watch:
    """Measures the most memory above that at the start, with each change."""

    def __init__(self) -> None:
        self.idle, self.most, self.handled = memory(), 0, 0
        self.began = time.monotonic()

    def look(self) -> bool:
        """Count a change; return whether enough were handled, slowly enough."""
        self.handled += 1
        self.most = max(self.most, memory() - self.idle)
        return self.handled >= ENOUGH and time.monotonic() - self.began >= SLOW


def slow() -> None:
    """Take 5 ms for each change, for some seconds, and print how much memory that took."""
    with Couch(URL) as couch:
        feed = ChangesFeed[Any](couch, DATABASE, heartbeat=1.0)
        feed.read(limit=1)
        watch = Watch()
        for _ in feed.follow():
            if watch.look():
                feed.stop()
            time.sleep(0.005)
    print(watch.most, watch.handled)


async def slow_async() -> None:
    """Do the same on asyncio."""
    async with AsyncCouch(URL) as couch:
        feed = AsyncChangesFeed[Any](couch, DATABASE, heartbeat=1.0)
        await feed.read(limit=1)
        watch = Watch()
        async for _ in feed.follow():
            if watch.look():
                feed.stop()
            await asyncio.sleep(0.005)
    print(watch.most, watch.handled)


if __name__ == "__main__":
    {
        "sync": work,
        "async": lambda: asyncio.run(work_async()),
        "slow-sync": slow,
        "slow-async": lambda: asyncio.run(slow_async()),
    }[KIND]()
