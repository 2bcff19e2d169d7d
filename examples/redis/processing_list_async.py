"""By hand: keep the jobs of a worker in a list of its own, and take them back when it dies."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import asyncio
import os

import redis.asyncio as redis

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
JOBS, MINE = "recipe:jobs", "recipe:jobs:of:worker-1"


async def main() -> None:
    async with redis.Redis.from_url(URL, decode_responses=True) as client:
        await client.delete(JOBS, MINE)
        await client.rpush(JOBS, "sweep", "cook")

        # The job is moved in one step, so it is always in one of the two lists.
        job = await client.lmove(JOBS, MINE, "LEFT", "RIGHT")
        print("working on", job, await client.lrange(JOBS, 0, -1), await client.lrange(MINE, 0, -1))

        # Worker 1 dies here. Another process moves its jobs back to the head of the queue.
        while await client.lmove(MINE, JOBS, "RIGHT", "LEFT"):
            pass
        print("taken back", await client.lrange(JOBS, 0, -1), await client.lrange(MINE, 0, -1))

        # Done: remove it from the list. If the worker dies just before this, the job is done twice.
        job = await client.lmove(JOBS, MINE, "LEFT", "RIGHT")
        print("done", job, await client.lrem(MINE, 1, job))


asyncio.run(main())
