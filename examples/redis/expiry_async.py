"""Expiry: set it afterwards or in one step, and watch a key expire."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import asyncio
import os

import redis.asyncio as redis

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")


async def main() -> None:
    async with redis.Redis.from_url(URL, decode_responses=True) as client:
        await client.set("recipe:session", "ada")
        print(await client.ttl("recipe:session"))  # -1: the key does not expire
        await client.expire("recipe:session", 60)
        print(50 < await client.ttl("recipe:session") <= 60)

        # If a program dies between these two steps, the key stays for ever. So use one step:
        await client.set("recipe:session", "ada", px=150)
        while (left := await client.pttl("recipe:session")) > 0:
            assert left <= 150, "milliseconds"
            await asyncio.sleep(0.02)
        # -2: the key does not exist
        print(await client.get("recipe:session"), await client.pttl("recipe:session"))

        await client.set("recipe:session", "ada", ex=60)
        await client.set("recipe:session", "grace")  # a plain SET removes the expiry
        print(await client.ttl("recipe:session"))
        await client.set("recipe:session", "grace", ex=60)
        await client.set("recipe:session", "ada", keepttl=True)
        print(50 < await client.ttl("recipe:session") <= 60)


asyncio.run(main())
