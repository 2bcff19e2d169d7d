"""Wait for the queue instead of polling it."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os
import threading
import time

import redis

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")

# The socket timeout must be longer than the wait, or the wait ends with an error.
with redis.Redis.from_url(URL, decode_responses=True, socket_timeout=10) as client:
    client.delete("recipe:jobs")
    threading.Timer(0.1, client.rpush, ("recipe:jobs", "sweep", "cook")).start()

    start = time.monotonic()
    print(client.blpop(["recipe:jobs"], timeout=5))  # answers as soon as there is a job
    print("before the timeout:", time.monotonic() - start < 5)
    print(client.blpop(["recipe:urgent", "recipe:jobs"], timeout=5))  # the first list has priority
    print(client.blpop(["recipe:jobs"], timeout=0.1))
