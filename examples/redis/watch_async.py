"""WATCH: compare and set, and what a conflict looks like."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import asyncio
import os

import redis.asyncio as redis

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")


async def main() -> None:
    async with redis.Redis.from_url(URL, decode_responses=True) as client:
        await client.set("recipe:seats", 1)

        async def book(meanwhile: bool) -> str:
            async with client.pipeline() as pipe:
                await pipe.watch("recipe:seats")  # EXEC fails if another client changes it
                seats = int(await pipe.get("recipe:seats"))
                if seats == 0:
                    return "sold out"
                if meanwhile:
                    await client.decr("recipe:seats")  # another client, on another connection
                pipe.multi()
                pipe.set("recipe:seats", seats - 1)
                try:
                    await pipe.execute()
                except redis.WatchError:
                    return "somebody was faster, and nothing was done"
                return "booked"

        print(await book(meanwhile=True))
        print(await book(meanwhile=False))
        await client.set("recipe:seats", 1)
        print(await book(meanwhile=False))
        print(await client.get("recipe:seats"))


asyncio.run(main())
