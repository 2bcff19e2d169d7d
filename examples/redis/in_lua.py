"""Read, decide and write in one step, in Lua."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os
from concurrent.futures import ThreadPoolExecutor

import redis

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")

# The server runs no other command while a script runs, so no retry is needed.
BOOK = """
-- Returns how many seats are left, or -1 if there were too few.
-- KEYS: the number of seats. ARGV: how many to book.
local seats = tonumber(redis.call('GET', KEYS[1]) or '0')
if seats < tonumber(ARGV[1]) then return -1 end
return redis.call('DECRBY', KEYS[1], ARGV[1])
"""

with redis.Redis.from_url(URL, decode_responses=True) as client:
    client.set("recipe:seats", 7)

    def book(_: int) -> int:
        return client.eval(BOOK, 1, "recipe:seats", 1)

    with ThreadPoolExecutor(10) as pool:
        print(sorted(pool.map(book, range(10)), reverse=True))
    print(client.get("recipe:seats"))
