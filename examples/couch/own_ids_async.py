"""Documents whose id is the e-mail address, and what happens to duplicates."""

import needs_couch  # if no server answers, says how to start one

# --8<-- [start:recipe]
import asyncio
import os

from datapatterns import AsyncStore, Conflict, Document

URL = os.environ.get("STORE_URL", "couch+http://admin:password@127.0.0.1:5984")


class User(Document):
    email: str
    name: str


async def main() -> None:
    async with AsyncStore.from_url(URL, namespace="own_ids") as store:
        users = store.repository("users", User, id_from="email")
        ada = await users.create(User(email="ada@example.org", name="Ada"))
        print(ada.id, (await users.get("ada@example.org")).name)

        try:
            await users.create(User(email="ada@example.org", name="Somebody else"))
        except Conflict as error:
            print(error.status, error.reason)

        # Without `id_from` the id is a new UUID; such ids sort by the time of creation.
        notes = store.repository("notes", User)
        first = await notes.create(User(email=ada.email, name="a"))
        second = await notes.create(User(email=ada.email, name="b"))
        print(first.id < second.id, len(first.id))

        await users.destroy(ada.id)
        print(await users.find(ada.id), await users.exists(ada.id))
        await notes.destroy(first.id)
        await notes.destroy(second.id)


asyncio.run(main())
