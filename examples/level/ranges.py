"""Ranges: from one key up to another, with or without the ends."""

import os
from pathlib import Path

from datapatterns.level import Level

PATH = os.environ.get("DB_PATH", Path(__file__).with_suffix(".db"))

with Level.open(PATH) as level:
    level.clear()
    days = ["2014-01-30", "2014-01-31", "2014-02-01", "2014-02-28", "2014-03-01"]
    level.batch([{"type": "put", "key": day, "value": day.replace("-", "")} for day in days])

    print(list(level.keys(gte="2014-02-01", lt="2014-03-01")))  # February
    print(list(level.keys(gte="2014-02")))  # a bound need not exist
    print(list(level.keys(gt="2014-01-30", lte="2014-02-01")))
    print(list(level.values(gt="2014-02-28")))
    print(list(level.keys(gte="2015")))

    level.clear(lt="2014-02")  # removes a range
    print(list(level.keys()))
