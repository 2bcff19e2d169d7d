"""Pages by `skip` become slower with their depth, and pages by key do not."""

import needs_couch  # if no server answers, says how to start one

# --8<-- [start:recipe]
import asyncio
import os
import time
from collections.abc import Awaitable, Callable

from datapatterns.couch import AsyncCouch, DesignDocument, View

URL = os.environ.get("COUCHDB_URL", "http://admin:password@127.0.0.1:5984")
BY_NUMBER = View("function (doc) { if (doc.number) emit(doc.number, null); }")
COUNT, DEEP = 2_000, 1_900


async def milliseconds(read: Callable[[int], Awaitable[list[int]]], number: int) -> float:
    """Return the shortest time of five calls."""
    times = []
    for _ in range(5):
        start = time.perf_counter()
        await read(number)
        times.append(time.perf_counter() - start)
    return min(times) * 1_000


async def main() -> None:
    async with AsyncCouch(URL) as couch:
        database = couch.database("recipe_deep_pages")
        await database.create() or await database.destroy()
        design = DesignDocument("numbers", {"by_number": BY_NUMBER})
        await couch.ensure(designs={database.name: [design]})
        await database.bulk({"_id": f"{n:05}", "number": n} for n in range(1, COUNT + 1))
        await database.view("numbers", "by_number", limit=1)  # builds the index

        async def by_skip(skip: int) -> list[int]:
            body = {"skip": skip, "limit": 10, "reduce": False}
            path = f"{database.path}/_design/numbers/_view/by_number"
            reply = await couch.read("POST", path, body=body)
            return [row["key"] for row in reply["rows"]]

        async def by_key(start: int) -> list[int]:
            rows = await database.view("numbers", "by_number", start=start, limit=10)
            return [row.key for row in rows]

        print(await by_skip(DEEP) == await by_key(DEEP + 1))
        for name, read in (("skip", by_skip), ("key", by_key)):
            first, deep = await milliseconds(read, 1), await milliseconds(read, DEEP)
            print(f"{name}: {first:.1f} ms, deep {deep:.1f} ms")


asyncio.run(main())
