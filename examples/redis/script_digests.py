"""Lua scripts sent by their digest, also when the server does not know the digest."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os
from pathlib import Path

import redis

from datapatterns.redis import Scripts

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
SCRIPTS = Scripts(Path(__file__).with_name("lua"))  # one script a file

with redis.Redis.from_url(URL) as client:
    client.delete("recipe:highest")

    def raise_to(number: int) -> int:
        return SCRIPTS.write(client, "raise_to", [b"recipe:highest"], [number])

    def evals() -> tuple[int, ...]:
        """Return how often the digest was sent, and how often the text."""
        stats = client.info("commandstats")
        names = "cmdstat_evalsha", "cmdstat_eval"
        return tuple(stats.get(name, {"calls": 0})["calls"] for name in names)

    client.script_flush()
    client.config_resetstat()
    print(raise_to(7), evals())  # the digest is unknown, so the text is sent once
    print(raise_to(3), raise_to(9), evals())

    client.script_flush()  # as after a restart or a failover
    print(raise_to(8), evals())
