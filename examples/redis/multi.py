"""MULTI: several commands in one step, with no other client in between."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os

import redis

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")

with redis.Redis.from_url(URL, decode_responses=True) as client:
    client.mset({"recipe:ada": 100, "recipe:charles": 20})

    with client.pipeline(transaction=True) as pipe:  # MULTI … EXEC, in one round trip
        pipe.decrby("recipe:ada", 30)
        pipe.incrby("recipe:charles", 30)
        print(client.mget("recipe:ada", "recipe:charles"))  # the commands have not run yet
        pipe.execute()
    print(client.mget("recipe:ada", "recipe:charles"))

    # MULTI has no rollback: if one command fails, the others take effect.
    client.set("recipe:name", "Ada")
    with client.pipeline(transaction=True) as pipe:
        pipe.incrby("recipe:ada", 1)
        pipe.incrby("recipe:name", 1)  # not a number
        results = pipe.execute(raise_on_error=False)
    print(results[0], type(results[1]).__name__)
    print(client.get("recipe:ada"))
