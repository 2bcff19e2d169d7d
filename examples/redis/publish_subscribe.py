"""Publish and subscribe by hand: two channels, JSON messages, unsubscribing."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import json
import os

import redis

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")

with redis.Redis.from_url(URL, decode_responses=True) as client, client.pubsub() as channel:

    def heard() -> tuple[str, str, object]:
        message = channel.get_message(timeout=5)
        kind, data = message["type"], message["data"]
        return kind, message["channel"], json.loads(data) if kind == "message" else data

    channel.subscribe("recipe:news", "recipe:sport")
    print(heard(), heard())  # the server confirms both; messages arrive from now on

    client.publish("recipe:news", json.dumps({"text": "The engine turns."}))
    client.publish("recipe:sport", json.dumps({"score": [2, 1]}))
    print(heard())
    print(heard())

    channel.unsubscribe("recipe:sport")
    print(heard())
    print("receivers", client.publish("recipe:sport", json.dumps({"score": [3, 1]})))
