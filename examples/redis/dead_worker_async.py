"""A worker process is killed in the middle of a job; another one does the job."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import asyncio
import os
import sys
from asyncio.subprocess import PIPE

from datapatterns import AsyncStore, AsyncWorker

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")


async def never_finish(job: dict[str, str]) -> None:
    print("took", job["name"], flush=True)
    await asyncio.sleep(60)


async def main() -> None:
    async with AsyncStore.from_url(URL, namespace="dead_worker") as store:
        queue = store.work_queue("jobs", lease=0.5)
        if "worker" in sys.argv:  # the other process
            await AsyncWorker(queue, never_finish).run()

        await queue.purge()
        await queue.push({"name": "sweep"})
        command = sys.executable, __file__, "worker"
        other = await asyncio.create_subprocess_exec(*command, stdout=PIPE)
        print("the other process", (await other.stdout.readline()).decode().strip())
        other.kill()  # it cannot clean up
        await other.wait()

        async def finish(job: dict[str, str]) -> None:
            print("this process did", job["name"])
            worker.stop()

        worker = AsyncWorker(queue, finish)
        print("acked", (await worker.run()).acked)
        print("taken back from dead workers", (await queue.stats()).requeued > 0)


asyncio.run(main())
