"""Changes feeds and workers in a process of their own: `feed_worker.py KIND URL DATABASE ...`."""

import asyncio
import os
import random
import sys
import threading
import time
from pathlib import Path
from typing import Any

from datapatterns import AsyncChangesWorker, Change, ChangesWorker
from datapatterns.couch import AsyncChangesFeed, AsyncCouch, ChangesFeed, Couch

KIND, URL, DATABASE, *REST = sys.argv[1:]
OPTIONS: dict[str, Any] = {"name": "w", "parallel": 6, "checkpoint_every": (5, 0.01)}


def effect(change: Change[Any]) -> None:
    """Leave a line behind, at some moment."""
    time.sleep(random.random() * 0.004)
    file = os.open(REST[0], os.O_WRONLY | os.O_APPEND)
    os.write(file, f"{change.id}\n".encode())
    os.close(file)
    time.sleep(random.random() * 0.004)


def stopping(worker: Any) -> Any:
    """A listener that tells of the start and, if the worker is to run to the end, ends it then."""

    def listen(name: str, details: object) -> None:
        if name == "connected":
            print("ready", flush=True)
        if name == "caught_up" and len(REST) > 1:
            worker.stop()

    return listen


def work() -> None:
    """Handle changes until killed or through."""
    with Couch(URL) as couch:
        feed = ChangesFeed[Any](couch, DATABASE)
        worker = ChangesWorker(feed, effect, **OPTIONS)
        feed.on_event(stopping(worker))
        worker.run()


async def work_async() -> None:
    """The same."""
    async with AsyncCouch(URL) as couch:
        feed = AsyncChangesFeed[Any](couch, DATABASE)
        worker = AsyncChangesWorker(feed, effect, **OPTIONS)
        feed.on_event(stopping(worker))
        await worker.run()


def memory() -> int:
    """How much memory this process has now, in kB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


class Watch:
    """The most memory above that at the beginning; looked at with each change."""

    def __init__(self) -> None:
        self.idle, self.most, self.handled = memory(), 0, 0

    def look(self) -> None:
        """Count a change."""
        self.handled += 1
        self.most = max(self.most, memory() - self.idle)


def slow() -> None:
    """Take 5 ms for each change, for 3 s, and tell how much memory that took."""
    with Couch(URL) as couch:
        feed = ChangesFeed[Any](couch, DATABASE, heartbeat=1.0)
        feed.read(limit=1)
        watch = Watch()
        threading.Timer(3.0, feed.stop).start()
        for _ in feed.follow():
            watch.look()
            time.sleep(0.005)
    print(watch.most, watch.handled)


async def slow_async() -> None:
    """The same."""
    async with AsyncCouch(URL) as couch:
        feed = AsyncChangesFeed[Any](couch, DATABASE, heartbeat=1.0)
        await feed.read(limit=1)
        watch = Watch()
        asyncio.get_running_loop().call_later(3.0, feed.stop)
        async for _ in feed.follow():
            watch.look()
            await asyncio.sleep(0.005)
    print(watch.most, watch.handled)


if __name__ == "__main__":
    {
        "sync": work,
        "async": lambda: asyncio.run(work_async()),
        "slow-sync": slow,
        "slow-async": lambda: asyncio.run(slow_async()),
    }[KIND]()
