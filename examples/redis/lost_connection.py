"""After a lost connection: a gap that is announced, or a history without a gap."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os
import threading
import time

import redis

from datapatterns import Gap
from datapatterns.redis import Emitter

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")


def cut_off(client: redis.Redis, events: Emitter, heard: list[object]) -> None:
    """Kill the connection, emit while it is lost and afterwards, and wait for the last event."""
    last = threading.Event()
    events.on("news", heard.append)
    events.on("last", lambda payload: last.set())
    for client_type in ("pubsub", "normal"):
        client.execute_command("CLIENT", "KILL", "TYPE", client_type, "SKIPME", "yes")
    events.emit("news", "while it was cut off")
    while not last.wait(0.05):
        events.emit("last")
        time.sleep(0.05)


with redis.Redis.from_url(URL, decode_responses=True) as client:
    gaps: list[Gap] = []
    with Emitter(client, "plain") as events:
        events.on("gap", gaps.append)
        cut_off(client, events, [])
    print("told of a gap:", gaps[0].events, gaps[0].cause)

    heard: list[object] = []
    gaps.clear()
    with Emitter(client, "kept", durable=True) as events:
        events.on("gap", gaps.append)
        cut_off(client, events, heard)
    print("durable:", heard, "gaps", len(gaps))
