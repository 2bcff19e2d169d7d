"""WATCH with retry: ten increments at once, and all of them succeed."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os
from concurrent.futures import ThreadPoolExecutor

import redis
from redis.client import Pipeline

from datapatterns.redis import transact

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")

with redis.Redis.from_url(URL, decode_responses=True) as client:
    client.set("recipe:visits", 0)
    tries = []

    def increment(pipe: Pipeline) -> None:
        """Read, then queue the write; called again if another client was faster."""
        tries.append(1)
        visits = int(pipe.get("recipe:visits"))
        pipe.multi()
        pipe.set("recipe:visits", visits + 1)

    with ThreadPoolExecutor(10) as pool:
        calls = [pool.submit(transact, client, ["recipe:visits"], increment) for _ in range(10)]
        print([call.result() for call in calls])

    print(client.get("recipe:visits"), "after at least ten tries:", len(tries) >= 10)
