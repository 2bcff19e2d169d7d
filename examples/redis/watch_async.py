"""WATCH: compare and set, and how a conflict shows."""

import needs_redis  # says how to start a server, if none answers

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
                await pipe.watch("recipe:seats")  # from here on EXEC fails if somebody changes it
                seats = int(await pipe.get("recipe:seats"))
                if seats == 0:
                    return "sold out"
                if meanwhile:
                    await client.decr("recipe:seats")  # somebody else, on another connection
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
