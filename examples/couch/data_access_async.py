"""Data access of an application, in a package of its own."""

import needs_couch  # if no server answers, says how to start one

# --8<-- [start:recipe]
import asyncio
import os

from postoffice_async import PostOffice

from datapatterns import AsyncStore

URL = os.environ.get("STORE_URL", "couch+http://admin:password@127.0.0.1:5984")


async def main() -> None:
    async with AsyncStore.from_url(URL, namespace="data_access") as store:
        office = PostOffice(store)
        ada = await office.people.register("ada@example.org", "Ada")
        print((await office.people.rename(ada.id, "Ada Lovelace")).name)

        await office.messages.send(ada.id, at=1, text="The engine turns.")
        await office.messages.send(ada.id, at=2, text="It stopped.")
        print([message.text for message in await office.messages.inbox(ada.id)])

        await office.messages.burn(ada.id)
        await office.people.leave(ada.id)


asyncio.run(main())
