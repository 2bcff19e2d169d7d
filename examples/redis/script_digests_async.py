"""Lua scripts sent by their digest, also when the server does not know the digest."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import asyncio
import os
from pathlib import Path

import redis.asyncio as redis

from datapatterns.redis import AsyncScripts

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
SCRIPTS = AsyncScripts(Path(__file__).with_name("lua"))  # one script a file


async def main() -> None:
    async with redis.Redis.from_url(URL) as client:
        await client.delete("recipe:highest")

        async def raise_to(number: int) -> int:
            return await SCRIPTS.write(client, "raise_to", [b"recipe:highest"], [number])

        async def evals() -> tuple[int, ...]:
            """Return how often the digest was sent, and how often the text."""
            stats = await client.info("commandstats")
            names = "cmdstat_evalsha", "cmdstat_eval"
            return tuple(stats.get(name, {"calls": 0})["calls"] for name in names)

        await client.script_flush()
        await client.config_resetstat()
        # The digest is unknown, so the text is sent once.
        print(await raise_to(7), await evals())
        print(await raise_to(3), await raise_to(9), await evals())

        await client.script_flush()  # as after a restart or a failover
        print(await raise_to(8), await evals())


asyncio.run(main())
