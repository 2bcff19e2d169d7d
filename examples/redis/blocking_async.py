"""Wait for the queue instead of polling it."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import asyncio
import os
import time

import redis.asyncio as redis

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")


async def main() -> None:
    # The socket timeout must be longer than the wait, or the wait ends with an error.
    async with (
        redis.Redis.from_url(URL, decode_responses=True, socket_timeout=10) as client,
        asyncio.TaskGroup() as tasks,
    ):
        await client.delete("recipe:jobs")

        async def push() -> None:
            await asyncio.sleep(0.1)
            await client.rpush("recipe:jobs", "sweep", "cook")

        tasks.create_task(push())
        start = time.monotonic()
        print(await client.blpop(["recipe:jobs"], timeout=5))  # answers as soon as there is a job
        print("before the timeout:", time.monotonic() - start < 5)
        # The first list has priority.
        print(await client.blpop(["recipe:urgent", "recipe:jobs"], timeout=5))
        print(await client.blpop(["recipe:jobs"], timeout=0.1))


asyncio.run(main())
