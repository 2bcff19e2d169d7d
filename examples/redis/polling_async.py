"""A queue by push and pop, and a worker that polls it."""

import needs_redis  # if no server answers, says how to start one

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
            data = await client.lpop("recipe:jobs")  # from the left end, the oldest first
            if data is None:
                idle += 1
                # A hundred requests a second, and still up to 10 ms late.
                await asyncio.sleep(0.01)
                continue
            print("mail to", json.loads(data)["mail"])
        print("asked three times for nothing")


asyncio.run(main())
