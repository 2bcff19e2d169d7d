"""Documents with an id of one's own: the e-mail address, and what becomes of duplicates."""

import needs_couch  # says how to start a server, if none answers

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

        # Without `id_from` the id is a fresh UUID, whose order is that of creation.
        notes = store.repository("notes", User)
        first = await notes.create(User(email=ada.email, name="a"))
        second = await notes.create(User(email=ada.email, name="b"))
        print(first.id < second.id, len(first.id))

        await users.destroy(ada.id)
        print(await users.find(ada.id), await users.exists(ada.id))
        await notes.destroy(first.id)
        await notes.destroy(second.id)


asyncio.run(main())
