"""After a lost connection: a gap that is announced, or a history without a gap."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import asyncio
import os

import redis.asyncio as redis

from datapatterns import Gap
from datapatterns.redis import AsyncEmitter

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")


async def cut_off(client: redis.Redis, events: AsyncEmitter, heard: list[object]) -> None:
    """Kill the connection, emit while it is lost and afterwards, and wait for the last event."""
    last = asyncio.Event()
    await events.on("news", heard.append)
    await events.on("last", lambda payload: last.set())
    for client_type in ("pubsub", "normal"):
        await client.execute_command("CLIENT", "KILL", "TYPE", client_type, "SKIPME", "yes")
    await events.emit("news", "while it was cut off")
    while not last.is_set():
        await events.emit("last")
        await asyncio.sleep(0.1)


async def main() -> None:
    async with redis.Redis.from_url(URL, decode_responses=True) as client:
        gaps: list[Gap] = []
        async with AsyncEmitter(client, "plain") as events:
            await events.on("gap", gaps.append)
            await cut_off(client, events, [])
        print("told of a gap:", gaps[0].events, gaps[0].cause)

        heard: list[object] = []
        gaps.clear()
        async with AsyncEmitter(client, "kept", durable=True) as events:
            await events.on("gap", gaps.append)
            await cut_off(client, events, heard)
        print("durable:", heard, "gaps", len(gaps))


asyncio.run(main())
