"""Put, get and delete, and what the methods return for a missing key."""

import asyncio
import os
from pathlib import Path

from datapatterns import NotFound
from datapatterns.level import AsyncLevel

PATH = os.environ.get("DB_PATH", Path(__file__).with_suffix(".db"))


async def main() -> None:
    async with AsyncLevel.open(PATH) as level:
        await level.put("ada", "ada@example.org")
        await level.put("ada", "lovelace@example.org")  # a put overwrites
        print(await level.get("ada"))
        print(await level.has("ada"), await level.has("bob"))
        print(await level.get_many(["ada", "bob"]))

        await level.delete("ada")
        await level.delete("ada")  # deleting a missing key is not an error
        print(await level.get("ada"), await level.get("ada", "unknown"))
        try:
            await level.get_or_raise("ada")
        except NotFound as error:
            print(error.status, error.code)


asyncio.run(main())
