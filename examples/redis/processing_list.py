"""By hand: keep what is being worked on in a list of its own, and take it back."""

import needs_redis  # says how to start a server, if none answers

# --8<-- [start:recipe]
import os

import redis

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
JOBS, MINE = "recipe:jobs", "recipe:jobs:of:worker-1"

with redis.Redis.from_url(URL, decode_responses=True) as client:
    client.delete(JOBS, MINE)
    client.rpush(JOBS, "sweep", "cook")

    # One step moves the job: it is in one list or the other, and never only in a worker.
    job = client.lmove(JOBS, MINE, "LEFT", "RIGHT")
    print("working on", job, client.lrange(JOBS, 0, -1), client.lrange(MINE, 0, -1))

    # Worker 1 dies here. Whoever finds it dead gives its jobs back, to the head of the queue.
    while client.lmove(MINE, JOBS, "RIGHT", "LEFT"):
        pass
    print("taken back", client.lrange(JOBS, 0, -1), client.lrange(MINE, 0, -1))

    # Done: out of the list. If a worker dies between its work and this, the job is done twice.
    job = client.lmove(JOBS, MINE, "LEFT", "RIGHT")
    print("done", job, client.lrem(MINE, 1, job))
