"""A counter, a queue, a limiter and a changes feed in one directory, without a server."""

import asyncio
import os
from pathlib import Path

from datapatterns import AsyncStore, Document

PATH = os.environ.get("DB_PATH", Path(__file__).with_suffix(".db"))


class User(Document):
    name: str


async def main() -> None:
    async with AsyncStore.from_url(f"level:{PATH}", namespace="no_server") as store:
        visits = store.counter("visits")
        await visits.reset()
        print("visits", await visits.increment(), await visits.increment(by=10))

        mail = store.work_queue("mail")
        await mail.purge()
        await mail.push({"to": "ada@example.org"})
        async with await mail.take() as delivery:  # acked at the end; retried if it raises
            print("mail to", delivery.item["to"])
        print("left in the queue", (await mail.stats()).ready)

        logins = store.rate_limiter("logins", limit=3, window=60)
        await logins.reset("ada")
        print("admitted", [(await logins.hit("ada")).allowed for _ in range(5)])

        users, feed = store.repository("users", User), store.changes("users", User)
        start = await feed.now()
        ada = await users.create(User(name="Ada"))
        await users.update(ada.id, {"name": "Ada Lovelace"})
        await users.destroy((await users.create(User(name="Bob"))).id)
        changes = await feed.read(start)
        print("changes", [change.document and change.document.name for change in changes])


asyncio.run(main())
