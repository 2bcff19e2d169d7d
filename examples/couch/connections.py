"""How many connections, and why it matters."""

import needs_couch  # if no server answers, says how to start one

# --8<-- [start:recipe]
import asyncio
import os
import time

from datapatterns.couch import AsyncCouch

URL = os.environ.get("COUCHDB_URL", "http://admin:password@127.0.0.1:5984")
GETS = 100


async def seconds(max_connections: int) -> float:
    """Return how long a hundred reads take that start at the same time."""
    async with AsyncCouch(URL, max_connections=max_connections) as couch:
        people = couch.database("recipe_connections")
        await people.get("ada")  # makes the first connection
        start = time.perf_counter()
        await asyncio.gather(*(people.get("ada") for _ in range(GETS)))
        return time.perf_counter() - start


async def main() -> None:
    async with AsyncCouch(URL) as couch:
        people = couch.database("recipe_connections")
        await people.create()
        if await people.bulk_get(["ada"]) == [None]:
            await people.put("ada", {"born": 1815})
    for connections in (1, 10):
        print(f"{connections} at a time: {await seconds(connections):.2f} s")
    async with AsyncCouch(URL) as couch:
        start = time.perf_counter()
        await couch.database("recipe_connections").bulk_get(["ada"] * GETS)
        print(f"all in one request: {time.perf_counter() - start:.2f} s")


asyncio.run(main())
