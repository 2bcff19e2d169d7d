"""By hand: keep what is being worked on in a list of its own, and take it back."""

import needs_redis  # says how to start a server, if none answers

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

        # One step moves the job: it is in one list or the other, and never only in a worker.
        job = await client.lmove(JOBS, MINE, "LEFT", "RIGHT")
        print("working on", job, await client.lrange(JOBS, 0, -1), await client.lrange(MINE, 0, -1))

        # Worker 1 dies here. Whoever finds it dead gives its jobs back, to the head of the queue.
        while await client.lmove(MINE, JOBS, "RIGHT", "LEFT"):
            pass
        print("taken back", await client.lrange(JOBS, 0, -1), await client.lrange(MINE, 0, -1))

        # Done: out of the list. If a worker dies between its work and this, the job is done twice.
        job = await client.lmove(JOBS, MINE, "LEFT", "RIGHT")
        print("done", job, await client.lrem(MINE, 1, job))


asyncio.run(main())
