"""Expiry: set it afterwards or in one step, and watch a key expire."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os
import time

import redis

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")

with redis.Redis.from_url(URL, decode_responses=True) as client:
    client.set("recipe:session", "ada")
    print(client.ttl("recipe:session"))  # -1: the key does not expire
    client.expire("recipe:session", 60)
    print(50 < client.ttl("recipe:session") <= 60)

    # If a program dies between these two steps, the key stays for ever. So use one step:
    client.set("recipe:session", "ada", px=150)
    while (left := client.pttl("recipe:session")) > 0:
        assert left <= 150, "milliseconds"
        time.sleep(0.02)
    print(client.get("recipe:session"), client.pttl("recipe:session"))  # -2: the key does not exist

    client.set("recipe:session", "ada", ex=60)
    client.set("recipe:session", "grace")  # a plain SET removes the expiry
    print(client.ttl("recipe:session"))
    client.set("recipe:session", "grace", ex=60)
    client.set("recipe:session", "ada", keepttl=True)
    print(50 < client.ttl("recipe:session") <= 60)
