"""Read records, only keys or only values, in the order of the keys."""

import os
from pathlib import Path

from datapatterns.level import Level

PATH = os.environ.get("DB_PATH", Path(__file__).with_suffix(".db"))

with Level.open(PATH) as level:
    level.clear()
    for name, born in [("mary", 1780), ("ada", 1815), ("charles", 1791)]:
        level.put(name, born)

    for name, born in level.items():
        print(name, born)
    print(list(level.keys()))
    print(max(level.values()))

    # Records are read as they are needed, so a scan of millions needs little memory.
    # To stop early, close the iterator with a `with` block.
    with level.items() as entries:
        print(next(iter(entries)))
