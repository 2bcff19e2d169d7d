"""One atomic batch into two sublevels: the outbox of one person, the inbox of another."""

import asyncio
import os
from pathlib import Path

from datapatterns.level import AsyncLevel

PATH = os.environ.get("DB_PATH", Path(__file__).with_suffix(".db"))


async def send(level: AsyncLevel, sender: str, to: str, at: str, text: str) -> None:
    """Store the message on both sides, or on neither."""
    message = {"from": sender, "to": to, "text": text}
    outbox = level.sublevel("outbox").sublevel(sender)
    inbox = level.sublevel("inbox").sublevel(to)
    batch = level.batch().put(at, message, sublevel=outbox).put(at, message, sublevel=inbox)
    await batch.write(sync=True)  # the write is on disk when this returns


async def main() -> None:
    async with AsyncLevel.open(PATH) as level:
        await level.clear()
        await send(level, "ada", "charles", "2014-01-15T09:00", "How is the engine?")
        await send(level, "charles", "ada", "2014-01-15T09:05", "Thirsty.")

        for box in ("inbox", "outbox"):
            for name in ("ada", "charles"):
                messages = level.sublevel(box).sublevel(name).values()
                texts = [message["text"] async for message in messages]
                print(f"{box} of {name}: {texts}")


asyncio.run(main())
