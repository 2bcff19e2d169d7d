"""Reading inside MULTI: the results come in the order of the commands."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import asyncio
import os

import redis.asyncio as redis

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")


async def main() -> None:
    async with redis.Redis.from_url(URL, decode_responses=True) as client:
        await client.delete("recipe:tasks", "recipe:done")
        await client.rpush("recipe:tasks", "sweep", "cook", "sleep")

        # Commands inside MULTI return nothing yet: EXEC returns all results.
        async with client.pipeline(transaction=True) as pipe:
            pipe.llen("recipe:tasks")
            pipe.lpop("recipe:tasks")
            pipe.lrange("recipe:tasks", 0, -1)
            pipe.incr("recipe:done")
            length, first, rest, done = await pipe.execute()
        print(length, first, rest, done)

        # So a write in this MULTI cannot depend on a value read in it. For that see WATCH and Lua.


asyncio.run(main())
