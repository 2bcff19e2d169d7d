"""A profile in a hash, and reading one field of it."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os

import redis

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")

with redis.Redis.from_url(URL, decode_responses=True) as client:
    client.delete("recipe:user:ada")
    client.hset("recipe:user:ada", mapping={"email": "ada@example.org", "born": 1815})
    print(client.hget("recipe:user:ada", "email"))  # other fields are not transferred
    print(client.hmget("recipe:user:ada", ["born", "died"]))

    client.hset("recipe:user:ada", "city", "London")  # other fields are not changed
    print(client.hincrby("recipe:user:ada", "logins", 1))
    print(client.hgetall("recipe:user:ada"))

    client.hdel("recipe:user:ada", "city")
    print(client.hexists("recipe:user:ada", "city"), client.hlen("recipe:user:ada"))
