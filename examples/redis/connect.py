"""Connect with host and port from the environment; set and get."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os

import redis

host = os.environ.get("REDIS_HOST", "127.0.0.1")
port = int(os.environ.get("REDIS_PORT", "6379"))

# Replies are bytes, or text with decode_responses. The client connects at the first
# command. Both timeouts are set, so that no call waits for ever.
with redis.Redis(
    host=host, port=port, decode_responses=True, socket_timeout=5, socket_connect_timeout=5
) as client:
    print(client.ping())
    client.set("recipe:greeting", "hello")
    print(client.get("recipe:greeting"))
    print(client.get("recipe:nobody"))
    client.delete("recipe:greeting")
