"""Expiry: set afterwards, and in one step; watching a key vanish."""

import needs_redis  # says how to start a server, if none answers

# --8<-- [start:recipe]
import os
import time

import redis

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")

with redis.Redis.from_url(URL, decode_responses=True) as client:
    client.set("recipe:session", "ada")
    print(client.ttl("recipe:session"))  # -1: it has no end
    client.expire("recipe:session", 60)
    print(50 < client.ttl("recipe:session") <= 60)

    # A program that dies between these two steps leaves a key for ever. So do it in one:
    client.set("recipe:session", "ada", px=150)
    while (left := client.pttl("recipe:session")) > 0:
        assert left <= 150, "milliseconds"
        time.sleep(0.02)
    print(client.get("recipe:session"), client.pttl("recipe:session"))  # -2: there is no such key

    client.set("recipe:session", "ada", ex=60)
    client.set("recipe:session", "grace")  # a plain SET takes the expiry away
    print(client.ttl("recipe:session"))
    client.set("recipe:session", "grace", ex=60)
    client.set("recipe:session", "ada", keepttl=True)
    print(50 < client.ttl("recipe:session") <= 60)
