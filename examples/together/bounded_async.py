"""Bound how many exports a user runs at the same time."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import asyncio
import os
import uuid

from datapatterns import AsyncStore

URL = os.environ.get("STORE_URL", "redis://127.0.0.1:6379")


async def main() -> None:
    async with AsyncStore.from_url(URL, namespace=f"bounded-{uuid.uuid4()}") as store:
        exports = store.concurrency_limiter("exports", limit=2, lease=30)
        first = await exports.acquire("ada")
        second = await exports.acquire("ada")
        print(await exports.acquire("ada"))  # the third has to wait, or is answered with 429
        print(await exports.acquire("charles") is not None)  # another subject has its own two

        await second.extend(60)  # a long export holds its lease for longer
        await second.release()
        async with await exports.acquire("ada"):  # given back at the end of the block
            print(await exports.acquire("ada"))
        print(await exports.acquire("ada") is not None)
        await first.release()


asyncio.run(main())
