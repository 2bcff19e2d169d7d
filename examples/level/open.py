"""Open a database once, and share the handle."""

import os
from pathlib import Path

from datapatterns.level import Level

PATH = os.environ.get("DB_PATH", Path(__file__).with_suffix(".db"))


def greet(level: Level) -> str:
    return level.get("greeting", "nobody has said anything")


with Level.open(PATH) as level:  # creates the directory and its parents
    level.put("greeting", "hello")
    print(greet(level))

    # A second handle of the same directory in the same process shares one engine.
    with Level.open(PATH) as again:
        print(greet(again), "again")
    print(greet(level), "still: the directory closes with its last handle")
