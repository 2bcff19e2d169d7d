"""INCR, INCRBY, DECR and DECRBY, and a counter that counts a repeated call only once."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import asyncio
import os
from uuid import uuid4

import redis.asyncio as redis

from datapatterns.redis import AsyncCounter

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")


async def main() -> None:
    async with redis.Redis.from_url(URL, decode_responses=True) as client:
        await client.delete("recipe:hits")
        print(await client.incr("recipe:hits"), await client.incrby("recipe:hits", 10))
        print(await client.decr("recipe:hits"), await client.decrby("recipe:hits", 4))

        # When a reply is lost, redis-py sends INCR again by itself, and may count it twice. The
        # pattern sends it once; with an `op_id` a caller may repeat it safely.
        hits = AsyncCounter(client, "hits")
        await hits.reset()
        order = str(uuid4())
        print(await hits.increment(op_id=order), await hits.increment(op_id=order))
        print(await hits.increment(by=10), await hits.decrement(by=4), await hits.value())
        print(await hits.reset(), await hits.value())


asyncio.run(main())
