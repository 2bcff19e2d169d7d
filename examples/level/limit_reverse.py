"""The first few, the last few, and the one before a key."""

import os
from pathlib import Path

from datapatterns.level import Level

PATH = os.environ.get("DB_PATH", Path(__file__).with_suffix(".db"))

with Level.open(PATH) as level:
    level.clear()
    level.batch([{"type": "put", "key": f"{n:03}", "value": n} for n in range(10)])

    print(list(level.keys(limit=3)))
    print(list(level.keys(limit=3, reverse=True)))  # from the end, backwards

    # A range keeps its meaning in reverse: gte and lt bound the same keys, read the other way.
    print(list(level.keys(gte="002", lt="005", reverse=True)))
    print(next(iter(level.keys(lt="007", reverse=True, limit=1))))  # the one before
    print(list(level.keys(limit=0)))
