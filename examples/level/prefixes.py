"""Several kinds of records in one keyspace, by prefix, and why the upper bound matters."""

import os
from pathlib import Path

from datapatterns.level import Level

PATH = os.environ.get("DB_PATH", Path(__file__).with_suffix(".db"))

with Level.open(PATH) as level:
    level.clear()
    for name in ("ada", "ann", "charles"):
        level.put(f"person/{name}", {"name": name})
    for one, other in (("ada", "ann"), ("ada", "charles"), ("adam", "eve")):
        level.put(f"friend/{one}/{other}", True)

    # Ada's friends are between "friend/ada/" and the next string without that prefix: "/" + 1
    # is "0". Without an upper bound the scan would run on into the next kind of record.
    print(list(level.keys(gte="friend/ada/", lt="friend/ada0")))
    print(list(level.keys(gte="friend/ada/")))

    # Without the "/" at the end the range has Adam's friends as well.
    print(list(level.keys(gte="friend/ada", lt="friend/adb")))
