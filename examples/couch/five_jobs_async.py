"""Five jobs in parallel, and a checkpoint that never skips the slow one."""

import needs_couch  # if no server answers, says how to start one

# --8<-- [start:recipe]
import asyncio
import os

from datapatterns import AsyncChangesWorker, AsyncStore, Change, Document

URL = os.environ.get("STORE_URL", "couch+http://admin:password@127.0.0.1:5984")


class Job(Document):
    name: str


async def main() -> None:
    async with AsyncStore.from_url(URL, namespace="five_jobs") as store:
        jobs, feed = store.repository("jobs", Job), store.changes("jobs", Job)
        start = await feed.now()
        await feed.checkpoints.save("five", start)
        for name in ("slow", "a", "b", "c", "d"):
            await jobs.create(Job(name=name))
        done: list[str] = []
        four_done, go_on = asyncio.Event(), asyncio.Event()

        async def work(change: Change[Job]) -> None:
            if change.document.name == "slow":
                await go_on.wait()
            done.append(change.document.name)
            if len(done) == 4:
                four_done.set()
            if len(done) == 5:
                worker.stop()

        async def left() -> list[str]:
            """Return what a new worker would handle if this one crashed now."""
            changes = await feed.read(await feed.checkpoints.load("five"))
            return [change.document.name for change in changes]

        every = (1, 0.05)
        worker = AsyncChangesWorker(feed, work, name="five", parallel=5, checkpoint_every=every)
        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            group.create_task(worker.run())
            await four_done.wait()
            repeated = "slow" in await left()
            print("done", sorted(done), "and a crash would repeat the slow one:", repeated)
            go_on.set()
        print("done", len(done), "left", await left())


asyncio.run(main())
