"""A queue by push and pop, and a worker that polls it."""

import needs_redis  # says how to start a server, if none answers

# --8<-- [start:recipe]
import asyncio
import json
import os

import redis.asyncio as redis

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")


async def main() -> None:
    async with redis.Redis.from_url(URL, decode_responses=True) as client:
        await client.delete("recipe:jobs")
        for name in ("ada", "charles", "mary"):
            await client.rpush("recipe:jobs", json.dumps({"mail": name}))  # at the right end
        print(await client.llen("recipe:jobs"))

        idle = 0
        while idle < 3:
            data = await client.lpop("recipe:jobs")  # from the left end: first come, first served
            if data is None:
                idle += 1
                # It asks a hundred times a second, and is still late by as much.
                await asyncio.sleep(0.01)
                continue
            print("mail to", json.loads(data)["mail"])
        print("asked three times for nothing")


asyncio.run(main())
