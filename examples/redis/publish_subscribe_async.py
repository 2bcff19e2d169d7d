"""Publish and subscribe by hand: two channels, JSON messages, unsubscribing."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import asyncio
import json
import os

import redis.asyncio as redis

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")


async def main() -> None:
    async with (
        redis.Redis.from_url(URL, decode_responses=True) as client,
        client.pubsub() as channel,
    ):

        async def heard() -> tuple[str, str, object]:
            message = await channel.get_message(timeout=5)
            kind, data = message["type"], message["data"]
            return kind, message["channel"], json.loads(data) if kind == "message" else data

        await channel.subscribe("recipe:news", "recipe:sport")
        # The server confirms both; messages arrive from now on.
        print(await heard(), await heard())

        await client.publish("recipe:news", json.dumps({"text": "The engine turns."}))
        await client.publish("recipe:sport", json.dumps({"score": [2, 1]}))
        print(await heard())
        print(await heard())

        await channel.unsubscribe("recipe:sport")
        print(await heard())
        late = json.dumps({"score": [3, 1]})
        print("receivers", await client.publish("recipe:sport", late))


asyncio.run(main())
