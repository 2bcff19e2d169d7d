"""Delete softly: the document stays, and its unique value is free again."""

import asyncio
import os
from datetime import UTC, datetime

from datapatterns import AsyncStore, Conflict, Document, Index, UtcDatetime

URL = os.environ.get("STORE_URL", "level:./data")


class User(Document):
    email: str
    deleted_at: UtcDatetime | None = None


# Unique among the documents for which `where` is true; the others are not in the index.
LIVE = Index(
    "by_email",
    "email",
    unique=True,
    where=lambda fields: fields["deleted_at"] is None,
    version=1,  # a higher number, when `where` changes, fills the index anew
)


async def main() -> None:
    async with AsyncStore.from_url(URL, namespace="soft_delete") as store:
        users = store.repository("users", User, indexes=[LIVE])
        async for user in users.iterate():
            await users.destroy(user.id)

        ada = await users.create(User(email="ada@example.org"))
        try:
            await users.create(User(email="ada@example.org"))
        except Conflict as error:
            print("taken:", error.reason, error.data["index"])

        await users.update(ada.id, {"deleted_at": datetime.now(UTC)})
        print("live", await users.count("by_email"), "stored", await users.count())

        again = await users.create(User(email="ada@example.org"))
        page = await users.query("by_email", "ada@example.org")
        print("found the new one", [user.id for user in page] == [again.id])

        # To restore the old one is refused as long as another one has the address.
        try:
            await users.update(ada.id, {"deleted_at": None})
        except Conflict as error:
            print("taken:", error.reason)
        await users.destroy(again.id)
        ada = await users.update(ada.id, {"deleted_at": None})
        print("restored", ada.deleted_at is None)
        await users.destroy(ada.id)


asyncio.run(main())
