"""Strings: set and read them, in parts, several at once, and only if a key is absent."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os

import redis

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")

with redis.Redis.from_url(URL, decode_responses=True) as client:
    client.delete("recipe:name", "recipe:city")
    client.set("recipe:name", "Ada")
    print(client.append("recipe:name", " Lovelace"), client.get("recipe:name"))
    print(client.getrange("recipe:name", 0, 2), client.strlen("recipe:name"))

    client.mset({"recipe:name": "Ada", "recipe:city": "London"})
    print(client.mget("recipe:name", "recipe:city", "recipe:nothing"))

    print(client.set("recipe:name", "Grace", nx=True))  # only if the key is absent
    print(client.set("recipe:name", "Grace", get=True))  # the old value, in the same step
    print(client.getdel("recipe:name"), client.get("recipe:name"))
