"""A process that reads a changes feed: `python -m benchmarks._feed_readers WHO URL DATABASE COUNT`.

Each reader has a process of its own, so that it shares neither its interpreter nor its memory with
another reader.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

PAUSE = 0.5  # milliseconds the slow consumer takes for a change


async def ours(url: str, database: str, count: int) -> int:
    """Read with our feed until it has seen `count` changes, and return that number."""
    from datapatterns.couch import AsyncChangesFeed, AsyncCouch

    found = 0
    async with AsyncCouch(url) as couch:
        feed = AsyncChangesFeed(couch, database)
        async for change in feed.follow():
            assert change.document is not None
            if (found := found + 1) == count:
                feed.stop()
    return found


async def slow(url: str, database: str, count: int) -> int:
    """Read with our feed and a slow consumer; return the memory that this needs, in MB."""
    from datapatterns.couch import AsyncChangesFeed, AsyncCouch

    found = 0
    async with AsyncCouch(url) as couch:
        await couch.ping()
        idle = _peak()
        feed = AsyncChangesFeed(couch, database)
        async for _ in feed.follow():
            found += 1
            if found % 20 == 0:
                await asyncio.sleep(20 * PAUSE / 1_000)
            if found == count:
                feed.stop()
    return _peak() - idle


def _peak() -> int:
    """Return the peak memory of this process in MB; getrusage counts its parent's as well."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


async def cloudant(url: str, database: str, count: int) -> int:
    """Read with the follower of ibmcloudant until its end, and return the number of changes."""
    from ibm_cloud_sdk_core.authenticators import BasicAuthenticator
    from ibmcloudant import ChangesFollower
    from ibmcloudant.cloudant_v1 import CloudantV1

    parts = urlsplit(url)
    service = CloudantV1(BasicAuthenticator(str(parts.username), str(parts.password)))
    service.set_service_url(f"http://{parts.hostname}:{parts.port}")
    follower = ChangesFollower(service, db=database, include_docs=True)
    return sum(1 for _ in follower.start_one_off())


def main(who: str, url: str, database: str, count: str) -> None:
    """Print what the reader returned and how long it took, without the imports."""
    reader = {"ours": ours, "slow": slow, "cloudant": cloudant}[who]
    if who == "ours":
        asyncio.run(reader(url, database, 1))  # imports what is imported at first use
    began = time.perf_counter()
    found = asyncio.run(reader(url, database, int(count)))
    print(json.dumps({"found": found, "seconds": time.perf_counter() - began}))


if __name__ == "__main__":
    main(*sys.argv[1:])
