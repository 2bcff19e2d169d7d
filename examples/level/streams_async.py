"""Read records, only keys or only values, in the order of the keys."""

import asyncio
import os
from pathlib import Path

from datapatterns.level import AsyncLevel

PATH = os.environ.get("DB_PATH", Path(__file__).with_suffix(".db"))


async def main() -> None:
    async with AsyncLevel.open(PATH) as level:
        await level.clear()
        for name, born in [("mary", 1780), ("ada", 1815), ("charles", 1791)]:
            await level.put(name, born)

        async for name, born in level.items():
            print(name, born)
        print([name async for name in level.keys()])
        print(max([born async for born in level.values()]))

        # Records are read 1,000 at a time, so a scan of millions needs little memory.
        # To stop early, close the iterator.
        entries = level.items()
        print(await anext(entries))
        entries.close()


asyncio.run(main())
