"""Connect with host and port from the environment; set and get."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import asyncio
import os

import redis.asyncio as redis

host = os.environ.get("REDIS_HOST", "127.0.0.1")
port = int(os.environ.get("REDIS_PORT", "6379"))


async def main() -> None:
    # Replies are bytes, or text with decode_responses. The client connects at the first
    # command. Both timeouts are set, so that no call waits for ever.
    async with redis.Redis(
        host=host, port=port, decode_responses=True, socket_timeout=5, socket_connect_timeout=5
    ) as client:
        print(await client.ping())
        await client.set("recipe:greeting", "hello")
        print(await client.get("recipe:greeting"))
        print(await client.get("recipe:nobody"))
        await client.delete("recipe:greeting")


asyncio.run(main())
