"""A consistent view: a scan does not see writes that happen while it runs."""

import os
from pathlib import Path

from datapatterns.level import Level

PATH = os.environ.get("DB_PATH", Path(__file__).with_suffix(".db"))

with Level.open(PATH) as level:
    level.clear()
    level.batch([{"type": "put", "key": f"account {n}", "value": 100} for n in range(4)])

    # An iterator sees the store as it was when the iterator was made.
    total = 0
    for balance in level.values():
        level.put("account 3", 0)  # overwritten before the scan reads it
        level.put("account 9", 1)  # added after the last key
        total += balance
    print(total, sum(level.values()))

    # A snapshot gives several reads the same view.
    with level.snapshot() as view:
        level.delete("account 0")
        print(level.get("account 0", snapshot=view), level.get("account 0"))
        print(len(list(level.keys(snapshot=view))), len(list(level.keys())))
