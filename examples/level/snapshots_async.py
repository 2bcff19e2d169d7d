"""A consistent view: a scan does not see writes that happen while it runs."""

import asyncio
import os
from pathlib import Path

from datapatterns.level import AsyncLevel

PATH = os.environ.get("DB_PATH", Path(__file__).with_suffix(".db"))


async def main() -> None:
    async with AsyncLevel.open(PATH) as level:
        await level.clear()
        await level.batch([{"type": "put", "key": f"account {n}", "value": 100} for n in range(4)])

        # An iterator sees the store as it was when the iterator was made.
        total = 0
        async for balance in level.values():
            await level.put("account 3", 0)  # overwritten before the scan reads it
            await level.put("account 9", 1)  # added after the last key
            total += balance
        print(total, sum([balance async for balance in level.values()]))

        # A snapshot gives several reads the same view.
        with level.snapshot() as view:
            await level.delete("account 0")
            print(await level.get("account 0", snapshot=view), await level.get("account 0"))
            before = [key async for key in level.keys(snapshot=view)]
            print(len(before), len([key async for key in level.keys()]))


asyncio.run(main())
