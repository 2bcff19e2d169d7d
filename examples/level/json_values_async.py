"""JSON values: they come back equal, and values that JSON cannot represent are refused."""

import asyncio
import os
from pathlib import Path

from datapatterns import InvalidArgument
from datapatterns.level import AsyncLevel

PATH = os.environ.get("DB_PATH", Path(__file__).with_suffix(".db"))


async def main() -> None:
    async with AsyncLevel.open(PATH) as level:  # JSON is the default for values, UTF-8 for keys
        await level.put("ada", {"born": 1815, "languages": ["en", "fr"], "married": True})
        ada = await level.get("ada")
        print(ada["born"] + 1, ada["languages"][0], ada["married"])

        await level.put("list", [1, 2.5, None])
        print(await level.get("list"))

        for value in (float("nan"), {1, 2}, b"bytes"):
            try:
                await level.put("refused", value)
            except InvalidArgument as error:
                print(error.status, type(value).__name__)
        print(await level.has("refused"))


asyncio.run(main())
