"""The first few records, the last few, and the record before a key."""

import asyncio
import os
from pathlib import Path

from datapatterns.level import AsyncLevel

PATH = os.environ.get("DB_PATH", Path(__file__).with_suffix(".db"))


async def main() -> None:
    async with AsyncLevel.open(PATH) as level:
        await level.clear()
        await level.batch([{"type": "put", "key": f"{n:03}", "value": n} for n in range(10)])

        print([key async for key in level.keys(limit=3)])
        print([key async for key in level.keys(limit=3, reverse=True)])  # from the end, backwards

        # In reverse, gte and lt select the same keys, which are read backwards.
        print([key async for key in level.keys(gte="002", lt="005", reverse=True)])
        print(await anext(level.keys(lt="007", reverse=True, limit=1)))  # the nearest before
        print([key async for key in level.keys(limit=0)])


asyncio.run(main())
