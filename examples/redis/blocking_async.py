"""Wait at the queue instead of polling it."""

import needs_redis  # says how to start a server, if none answers

# --8<-- [start:recipe]
import asyncio
import os
import time

import redis.asyncio as redis

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")


async def main() -> None:
    # A socket timeout that ends before the wait does would break it off: so none, or a longer one.
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
        print(await client.blpop(["recipe:jobs"], timeout=5))  # answered as soon as there is one
        print("before the timeout:", time.monotonic() - start < 5)
        # The first list comes first.
        print(await client.blpop(["recipe:urgent", "recipe:jobs"], timeout=5))
        print(await client.blpop(["recipe:jobs"], timeout=0.1))


asyncio.run(main())
