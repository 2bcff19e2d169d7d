"""The race between subscribing and publishing, shown with MONITOR, and how `on` avoids it."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import asyncio
import os
from collections.abc import Awaitable, Callable

import redis.asyncio as redis

from datapatterns.redis import AsyncEmitter

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")


async def main() -> None:
    async with redis.Redis.from_url(URL, decode_responses=True) as client:

        async def seen_by_the_server(action: Callable[[], Awaitable[None]]) -> list[str]:
            async with client.monitor() as monitor:
                await action()
                await client.echo("that was all")
                seen = []
                while (said := await monitor.next_command())["command"] != "ECHO that was all":
                    seen.append(said["command"].split()[0])
            return [name for name in seen if name in ("SUBSCRIBE", "PUBLISH")]

        async def race() -> None:
            async def listen() -> None:
                await asyncio.sleep(0.05)  # as on a busy machine or a slow network
                await channel.subscribe("recipe:news")

            async with client.pubsub() as channel, asyncio.TaskGroup() as tasks:
                tasks.create_task(listen())
                print("heard by", await client.publish("recipe:news", "too early"))

        async def no_race() -> None:
            heard = asyncio.Event()
            async with AsyncEmitter(client, "news") as events:
                # Returns when the server has confirmed it.
                await events.on("news", lambda payload: heard.set())
                await events.emit("news", "in time")
                print("heard", await asyncio.wait_for(heard.wait(), 10))

        print(await seen_by_the_server(race))
        print(await seen_by_the_server(no_race))


asyncio.run(main())
