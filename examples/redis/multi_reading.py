"""Reading inside MULTI: the results come in the order of the commands."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os

import redis

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")

with redis.Redis.from_url(URL, decode_responses=True) as client:
    client.delete("recipe:tasks", "recipe:done")
    client.rpush("recipe:tasks", "sweep", "cook", "sleep")

    # Commands inside MULTI return nothing yet: EXEC returns all results.
    with client.pipeline(transaction=True) as pipe:
        pipe.llen("recipe:tasks")
        pipe.lpop("recipe:tasks")
        pipe.lrange("recipe:tasks", 0, -1)
        pipe.incr("recipe:done")
        length, first, rest, done = pipe.execute()
    print(length, first, rest, done)

    # So a write in this MULTI cannot depend on a value read in it. For that see WATCH and Lua.
