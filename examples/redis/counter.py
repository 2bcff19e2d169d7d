"""INCR, INCRBY, DECR and DECRBY, and a counter that counts a repeated call only once."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os
from uuid import uuid4

import redis

from datapatterns.redis import Counter

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")

with redis.Redis.from_url(URL, decode_responses=True) as client:
    client.delete("recipe:hits")
    print(client.incr("recipe:hits"), client.incrby("recipe:hits", 10))
    print(client.decr("recipe:hits"), client.decrby("recipe:hits", 4))

    # When a reply is lost, redis-py sends INCR again by itself, and may count it twice. The
    # pattern sends it once; with an `op_id` a caller may repeat it safely.
    hits = Counter(client, "hits")
    hits.reset()
    order = str(uuid4())
    print(hits.increment(op_id=order), hits.increment(op_id=order))
    print(hits.increment(by=10), hits.decrement(by=4), hits.value())
    print(hits.reset(), hits.value())
