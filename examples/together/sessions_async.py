"""Sessions that expire: they are gone at their time, and their entries with them."""

import asyncio
import os
from datetime import UTC, datetime, timedelta

from datapatterns import AsyncStore, Document, Index, UtcDatetime

URL = os.environ.get("STORE_URL", "level:./data")


class Session(Document):
    user: str
    until: UtcDatetime


def after(minutes: int) -> datetime:
    return datetime.now(UTC) + timedelta(minutes=minutes)


async def main() -> None:
    async with AsyncStore.from_url(URL, namespace="sessions") as store:
        by_user = Index("by_user", "user")
        sessions = store.repository("sessions", Session, indexes=[by_user], expires="until")
        await sessions.put(Session(id="phone", user="ada", until=after(minutes=30)))
        await sessions.put(Session(id="laptop", user="ada", until=after(minutes=30)))
        print(await sessions.count("by_user", "ada"))

        # Each request gives its session more time.
        await sessions.update("laptop", {"until": after(minutes=60)})

        # The other one is not used any more. Half an hour later:
        await sessions.update("phone", {"until": after(minutes=-1)})
        page = await sessions.list()
        print([each.id for each in page], await sessions.exists("phone"))

        # Later calls remove what has expired, in small steps. A job may do it at once.
        print("removed", await sessions.sweep())
        print(await sessions.count("by_user", "ada"))

        # The id is free again.
        await sessions.create(Session(id="phone", user="charles", until=after(minutes=30)))
        print([each.user async for each in sessions.iterate()])
        async for session in sessions.iterate():
            await sessions.destroy(session.id)


asyncio.run(main())
