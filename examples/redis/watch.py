"""WATCH: compare and set, and what a conflict looks like."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os

import redis

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")

with redis.Redis.from_url(URL, decode_responses=True) as client:
    client.set("recipe:seats", 1)

    def book(meanwhile: bool) -> str:
        with client.pipeline() as pipe:
            pipe.watch("recipe:seats")  # from here on EXEC fails if another client changes it
            seats = int(pipe.get("recipe:seats"))
            if seats == 0:
                return "sold out"
            if meanwhile:
                client.decr("recipe:seats")  # another client, on another connection
            pipe.multi()
            pipe.set("recipe:seats", seats - 1)
            try:
                pipe.execute()
            except redis.WatchError:
                return "somebody was faster, and nothing was done"
            return "booked"

    print(book(meanwhile=True))
    print(book(meanwhile=False))
    client.set("recipe:seats", 1)
    print(book(meanwhile=False))
    print(client.get("recipe:seats"))
