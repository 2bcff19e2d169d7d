"""The first few records, the last few, and the record before a key."""

import os
from pathlib import Path

from datapatterns.level import Level

PATH = os.environ.get("DB_PATH", Path(__file__).with_suffix(".db"))

with Level.open(PATH) as level:
    level.clear()
    level.batch([{"type": "put", "key": f"{n:03}", "value": n} for n in range(10)])

    print(list(level.keys(limit=3)))
    print(list(level.keys(limit=3, reverse=True)))  # from the end, backwards

    # In reverse, gte and lt select the same keys, which are read backwards.
    print(list(level.keys(gte="002", lt="005", reverse=True)))
    print(next(iter(level.keys(lt="007", reverse=True, limit=1))))  # the nearest before
    print(list(level.keys(limit=0)))
