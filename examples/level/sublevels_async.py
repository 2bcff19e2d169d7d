"""Sublevels: people, messages, and inside those one sublevel for each person."""

import asyncio
import os
from pathlib import Path

from datapatterns.level import AsyncLevel

PATH = os.environ.get("DB_PATH", Path(__file__).with_suffix(".db"))


async def count(level: AsyncLevel) -> int:
    return len([key async for key in level.keys()])


async def main() -> None:
    async with AsyncLevel.open(PATH) as level:
        await level.clear()
        people = level.sublevel("people")
        messages = level.sublevel("messages")

        await people.put("ada", {"email": "ada@example.org"})
        await people.put("charles", {"email": "charles@example.org"})

        inbox, other = messages.sublevel("ada"), messages.sublevel("charles")
        await inbox.put("2014-01-15T09:00", {"from": "charles", "text": "The engine turns."})
        await inbox.put("2014-01-15T09:05", {"from": "charles", "text": "It stopped."})
        await other.put("2014-01-15T09:30", {"from": "ada", "text": "Oil it."})

        print([key async for key in people.keys()])  # only the keys of this sublevel
        print([message["text"] async for message in inbox.values(reverse=True, limit=1)])
        # The key as it is on disk.
        print([key async for key in level.keys() if "2014-01-15T09:30" in key])

        await inbox.clear()
        print(await count(inbox), await count(other))


asyncio.run(main())
