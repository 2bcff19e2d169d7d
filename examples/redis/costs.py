"""Choose commands by their cost: O(1) and O(N), measured."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os
import time
from collections.abc import Callable

import redis

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")


def microseconds(call: Callable[[], object]) -> float:
    """Return the shortest time of five calls."""
    times = []
    for _ in range(5):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times) * 1e6


with redis.Redis.from_url(URL, decode_responses=True) as client:
    for size in (100, 10_000):
        client.delete("recipe:set", "recipe:list")
        client.sadd("recipe:set", *range(size))
        client.rpush("recipe:list", *range(size))
        pairs = {
            "is one in it? SISMEMBER": lambda: client.sismember("recipe:set", "42"),
            "is one in it? SMEMBERS": lambda: "42" in client.smembers("recipe:set"),
            "how many? LLEN": lambda: client.llen("recipe:list"),
            "how many? LRANGE": lambda: len(client.lrange("recipe:list", 0, -1)),
        }
        for question, call in pairs.items():
            print(f"of {size:,}: {question}: {microseconds(call):,.0f} us")
    client.delete("recipe:set", "recipe:list")
