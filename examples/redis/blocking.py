"""Wait at the queue instead of polling it."""

import needs_redis  # says how to start a server, if none answers

# --8<-- [start:recipe]
import os
import threading
import time

import redis

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")

# A socket timeout that ends before the wait does would break it off: so none, or a longer one.
with redis.Redis.from_url(URL, decode_responses=True, socket_timeout=10) as client:
    client.delete("recipe:jobs")
    threading.Timer(0.1, client.rpush, ("recipe:jobs", "sweep", "cook")).start()

    start = time.monotonic()
    print(client.blpop(["recipe:jobs"], timeout=5))  # answered as soon as there is something
    print("before the timeout:", time.monotonic() - start < 5)
    print(client.blpop(["recipe:urgent", "recipe:jobs"], timeout=5))  # the first list comes first
    print(client.blpop(["recipe:jobs"], timeout=0.1))
