"""Ranges: from one key up to another, with or without the ends."""

import asyncio
import os
from pathlib import Path

from datapatterns.level import AsyncLevel

PATH = os.environ.get("DB_PATH", Path(__file__).with_suffix(".db"))


async def main() -> None:
    async with AsyncLevel.open(PATH) as level:
        await level.clear()
        days = ["2014-01-30", "2014-01-31", "2014-02-01", "2014-02-28", "2014-03-01"]
        await level.batch(
            [{"type": "put", "key": day, "value": day.replace("-", "")} for day in days]
        )

        print([day async for day in level.keys(gte="2014-02-01", lt="2014-03-01")])  # February
        print([day async for day in level.keys(gte="2014-02")])  # a bound need not exist
        print([day async for day in level.keys(gt="2014-01-30", lte="2014-02-01")])
        print([value async for value in level.values(gt="2014-02-28")])
        print([day async for day in level.keys(gte="2015")])

        await level.clear(lt="2014-02")  # removes a range
        print([day async for day in level.keys()])


asyncio.run(main())
