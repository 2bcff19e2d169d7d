"""Counters by day, month, year and in total, some of which are kept for a limited time."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import asyncio
import os
from datetime import UTC, datetime, timedelta

from datapatterns import AsyncStore

URL = os.environ.get("STORE_URL", "redis://127.0.0.1:6379")


def day(month: int, day: int) -> datetime:
    return datetime(2014, month, day, 12, tzinfo=UTC)


async def main() -> None:
    async with AsyncStore.from_url(URL, namespace="calendar_counts") as store:
        visits = store.calendar_counter("visits")
        await visits.forget("ada")
        for at in (day(1, 15), day(1, 15), day(1, 17), day(2, 1)):
            counts = await visits.add("ada", at=at)  # all buckets in one step
        print(counts)
        print(await visits.read("ada", "2014-01"), await visits.read("ada", "2014-01-15"))
        print(await visits.series("ada", "day", day(1, 15), day(1, 18)))

        # Days are kept for 400 days and months for ten years; no cleaning job is needed.
        keep = {"day": timedelta(days=400), "month": timedelta(days=3_650)}
        small = store.calendar_counter("visits kept small", keep=keep)
        await small.forget("ada")
        now = await small.add("ada")  # today, by the server's clock
        late = await small.add("ada", at=day(1, 15))
        print(sorted(now.values()), late["2014-01-15"])


asyncio.run(main())
