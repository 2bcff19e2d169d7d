"""WATCH with retry: ten increments at once, and all of them succeed."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import asyncio
import os

import redis.asyncio as redis
from redis.asyncio.client import Pipeline

from datapatterns.redis import async_transact

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")


async def main() -> None:
    async with redis.Redis.from_url(URL, decode_responses=True) as client:
        await client.set("recipe:visits", 0)
        tries = []

        async def increment(pipe: Pipeline) -> None:
            """Read, then queue the write; called again if another client was faster."""
            tries.append(1)
            visits = int(await pipe.get("recipe:visits"))
            pipe.multi()
            pipe.set("recipe:visits", visits + 1)

        calls = [async_transact(client, ["recipe:visits"], increment) for _ in range(10)]
        print(await asyncio.gather(*calls))

        visits = await client.get("recipe:visits")
        print(visits, "after at least ten tries:", len(tries) >= 10)


asyncio.run(main())
