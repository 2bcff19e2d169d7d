"""Counters by day, month, year and in total, some of which are kept for a limited time."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os
from datetime import UTC, datetime, timedelta

from datapatterns import Store

URL = os.environ.get("STORE_URL", "redis://127.0.0.1:6379")


def day(month: int, day: int) -> datetime:
    return datetime(2014, month, day, 12, tzinfo=UTC)


with Store.from_url(URL, namespace="calendar_counts") as store:
    visits = store.calendar_counter("visits")
    visits.forget("ada")
    for at in (day(1, 15), day(1, 15), day(1, 17), day(2, 1)):
        counts = visits.add("ada", at=at)  # all buckets in one step
    print(counts)
    print(visits.read("ada", "2014-01"), visits.read("ada", "2014-01-15"))
    print(visits.series("ada", "day", day(1, 15), day(1, 18)))

    # Days are kept for 400 days and months for ten years; no cleaning job is needed.
    keep = {"day": timedelta(days=400), "month": timedelta(days=3_650)}
    small = store.calendar_counter("visits kept small", keep=keep)
    small.forget("ada")
    now = small.add("ada")  # today, by the server's clock
    print(sorted(now.values()), small.add("ada", at=day(1, 15))["2014-01-15"])
