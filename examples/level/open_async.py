"""Open a database once, and share the handle."""

import asyncio
import os
from pathlib import Path

from datapatterns.level import AsyncLevel

PATH = os.environ.get("DB_PATH", Path(__file__).with_suffix(".db"))


async def greet(level: AsyncLevel) -> str:
    return await level.get("greeting", "nobody has said anything")


async def main() -> None:
    async with AsyncLevel.open(PATH) as level:  # creates the directory and its parents
        await level.put("greeting", "hello")
        print(await greet(level))

        # A second handle of the same directory in the same process shares one engine.
        async with AsyncLevel.open(PATH) as again:
            print(await greet(again), "again")
        print(await greet(level), "still: the directory closes with its last handle")


asyncio.run(main())
