"""INCR, INCRBY, DECR, DECRBY; and a counter that counts a repeated call once."""

import needs_redis  # says how to start a server, if none answers

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

        # redis-py sends INCR again by itself when a reply got lost, and so may count it twice. The
        # pattern sends it once, and with an `op_id` whoever is in doubt may repeat it.
        hits = AsyncCounter(client, "hits")
        await hits.reset()
        order = str(uuid4())
        print(await hits.increment(op_id=order), await hits.increment(op_id=order))
        print(await hits.increment(by=10), await hits.decrement(by=4), await hits.value())
        print(await hits.reset(), await hits.value())


asyncio.run(main())
