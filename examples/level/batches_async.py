"""Batches: a list of operations, or a chain of calls; stored as a whole or not at all."""

import asyncio
import os
from pathlib import Path

from datapatterns import InvalidArgument
from datapatterns.level import AsyncLevel

PATH = os.environ.get("DB_PATH", Path(__file__).with_suffix(".db"))


async def names(level: AsyncLevel) -> list[str]:
    return [key async for key in level.keys()]


async def main() -> None:
    async with AsyncLevel.open(PATH) as level:
        await level.clear()
        await level.batch(
            [
                {"type": "put", "key": "ada", "value": 1815},
                {"type": "put", "key": "charles", "value": 1791},
                {"type": "delete", "key": "bob"},
            ]
        )
        print(await names(level))

        await level.batch().put("mary", 1780).delete("charles").write()
        print(await names(level))

        # If one operation is bad, nothing of the batch is stored.
        try:
            await level.batch(
                [
                    {"type": "put", "key": "george", "value": 1815},
                    {"type": "put", "key": "", "value": float("inf")},
                ]
            )
        except InvalidArgument as error:
            print(error.code)
        print(await names(level))


asyncio.run(main())
