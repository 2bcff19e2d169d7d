"""Expiry: set afterwards, and in one step; watching a key vanish."""

import needs_redis  # says how to start a server, if none answers

# --8<-- [start:recipe]
import asyncio
import os

import redis.asyncio as redis

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")


async def main() -> None:
    async with redis.Redis.from_url(URL, decode_responses=True) as client:
        await client.set("recipe:session", "ada")
        print(await client.ttl("recipe:session"))  # -1: it has no end
        await client.expire("recipe:session", 60)
        print(50 < await client.ttl("recipe:session") <= 60)

        # A program that dies between these two steps leaves a key for ever. So do it in one:
        await client.set("recipe:session", "ada", px=150)
        while (left := await client.pttl("recipe:session")) > 0:
            assert left <= 150, "milliseconds"
            await asyncio.sleep(0.02)
        # -2: there is no such key
        print(await client.get("recipe:session"), await client.pttl("recipe:session"))

        await client.set("recipe:session", "ada", ex=60)
        await client.set("recipe:session", "grace")  # a plain SET takes the expiry away
        print(await client.ttl("recipe:session"))
        await client.set("recipe:session", "grace", ex=60)
        await client.set("recipe:session", "ada", keepttl=True)
        print(50 < await client.ttl("recipe:session") <= 60)


asyncio.run(main())
