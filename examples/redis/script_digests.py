"""Lua scripts sent by their digest, and what happens when the server forgot them."""

import needs_redis  # says how to start a server, if none answers

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
        """How often the server was given the digest, and how often the text."""
        stats = client.info("commandstats")
        names = "cmdstat_evalsha", "cmdstat_eval"
        return tuple(stats.get(name, {"calls": 0})["calls"] for name in names)

    client.script_flush()
    client.config_resetstat()
    print(raise_to(7), evals())  # the digest is unknown, so the text follows: that one time
    print(raise_to(3), raise_to(9), evals())

    client.script_flush()  # as a restart does, or a failover
    print(raise_to(8), evals())
