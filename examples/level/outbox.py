"""One atomic batch into two sublevels: the outbox of one person, the inbox of another."""

import os
from pathlib import Path

from datapatterns.level import Level

PATH = os.environ.get("DB_PATH", Path(__file__).with_suffix(".db"))


def send(level: Level, sender: str, to: str, at: str, text: str) -> None:
    """Store the message on both sides, or on neither."""
    message = {"from": sender, "to": to, "text": text}
    outbox = level.sublevel("outbox").sublevel(sender)
    inbox = level.sublevel("inbox").sublevel(to)
    level.batch().put(at, message, sublevel=outbox).put(at, message, sublevel=inbox).write(
        sync=True  # the write is on disk when this returns
    )


with Level.open(PATH) as level:
    level.clear()
    send(level, "ada", "charles", "2014-01-15T09:00", "How is the engine?")
    send(level, "charles", "ada", "2014-01-15T09:05", "Thirsty.")

    for box in ("inbox", "outbox"):
        for name in ("ada", "charles"):
            texts = [m["text"] for m in level.sublevel(box).sublevel(name).values()]
            print(f"{box} of {name}: {texts}")
