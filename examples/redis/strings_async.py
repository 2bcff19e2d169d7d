"""Strings: set and read them, in parts, several at once, and only if a key is absent."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import asyncio
import os

import redis.asyncio as redis

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")


async def main() -> None:
    async with redis.Redis.from_url(URL, decode_responses=True) as client:
        await client.delete("recipe:name", "recipe:city")
        await client.set("recipe:name", "Ada")
        print(await client.append("recipe:name", " Lovelace"), await client.get("recipe:name"))
        print(await client.getrange("recipe:name", 0, 2), await client.strlen("recipe:name"))

        await client.mset({"recipe:name": "Ada", "recipe:city": "London"})
        print(await client.mget("recipe:name", "recipe:city", "recipe:nothing"))

        print(await client.set("recipe:name", "Grace", nx=True))  # only if the key is absent
        print(await client.set("recipe:name", "Grace", get=True))  # the old value, in the same step
        print(await client.getdel("recipe:name"), await client.get("recipe:name"))


asyncio.run(main())
