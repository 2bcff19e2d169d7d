"""A profile in a hash, and reading one field of it."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import asyncio
import os

import redis.asyncio as redis

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")


async def main() -> None:
    async with redis.Redis.from_url(URL, decode_responses=True) as client:
        await client.delete("recipe:user:ada")
        await client.hset("recipe:user:ada", mapping={"email": "ada@example.org", "born": 1815})
        print(await client.hget("recipe:user:ada", "email"))  # other fields are not transferred
        print(await client.hmget("recipe:user:ada", ["born", "died"]))

        await client.hset("recipe:user:ada", "city", "London")  # other fields are not changed
        print(await client.hincrby("recipe:user:ada", "logins", 1))
        print(await client.hgetall("recipe:user:ada"))

        await client.hdel("recipe:user:ada", "city")
        print(await client.hexists("recipe:user:ada", "city"), await client.hlen("recipe:user:ada"))


asyncio.run(main())
