"""Several processes share the ids of one feed, and one process is added."""

import needs_couch  # if no server answers, says how to start one

# --8<-- [start:recipe]
import asyncio
import os
from collections.abc import Awaitable, Callable
from uuid import uuid4

from datapatterns import AsyncChangesWorker, AsyncStore, Change, Document

URL = os.environ.get("STORE_URL", "couch+http://admin:password@127.0.0.1:5984")


class Job(Document):
    number: int


async def main() -> None:
    async with AsyncStore.from_url(URL, namespace="shards") as store:
        jobs = store.repository("jobs", Job)
        for number in range(20):
            if not await jobs.exists(f"job {number}"):
                await jobs.create(Job(id=f"job {number}", number=number))
        name = f"print {uuid4()}"

        async def share_out(count: int) -> None:
            """Run so many workers, here in tasks; in production each would be a process."""
            shares: list[list[str]] = [[] for _ in range(count)]
            workers: list[AsyncChangesWorker[Job]] = []

            def handler(share: list[str]) -> Callable[[Change[Job]], Awaitable[None]]:
                async def handle(change: Change[Job]) -> None:
                    share.append(change.id)
                    if sum(map(len, shares)) == 20:
                        for worker in workers:
                            worker.stop()

                return handle

            for i, share in enumerate(shares):
                feed, handle = store.changes("jobs", Job), handler(share)
                workers.append(AsyncChangesWorker(feed, handle, name=name, shard=(i, count)))
            async with asyncio.TaskGroup() as group:
                for worker in workers:
                    group.create_task(worker.run())
            print(count, "workers; all busy:", all(shares), "together:", len(set().union(*shares)))

        await share_out(2)
        await share_out(3)  # new shares start at the beginning: handlers must be idempotent


asyncio.run(main())
