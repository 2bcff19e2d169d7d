"""A queue by push and pop, and a worker that polls it."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import json
import os
import time

import redis

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")

with redis.Redis.from_url(URL, decode_responses=True) as client:
    client.delete("recipe:jobs")
    for name in ("ada", "charles", "mary"):
        client.rpush("recipe:jobs", json.dumps({"mail": name}))  # at the right end
    print(client.llen("recipe:jobs"))

    idle = 0
    while idle < 3:
        data = client.lpop("recipe:jobs")  # from the left end, the oldest first
        if data is None:
            idle += 1
            time.sleep(0.01)  # a hundred requests a second, and still up to 10 ms late
            continue
        print("mail to", json.loads(data)["mail"])
    print("asked three times for nothing")
