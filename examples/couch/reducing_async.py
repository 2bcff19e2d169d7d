"""Reduce: count the messages of a person."""

import needs_couch  # if no server answers, says how to start one

# --8<-- [start:recipe]
import asyncio
import os

from datapatterns import AsyncStore, Document, Index

URL = os.environ.get("STORE_URL", "couch+http://admin:password@127.0.0.1:5984")


class Message(Document):
    to: str
    year: int


async def main() -> None:
    async with AsyncStore.from_url(URL, namespace="reducing") as store:
        messages = store.repository("messages", Message, indexes=[Index("by_year", "to", "year")])
        async for message in messages.iterate():
            await messages.destroy(message.id)
        for to, year in [("ada", 2013), ("ada", 2014), ("ada", 2014), ("charles", 2014)]:
            await messages.create(Message(to=to, year=year))

        # On CouchDB the reduce function `_count` answers these from the inner nodes of the index.
        print(await messages.count("by_year", "ada"), await messages.count("by_year", "ada", 2014))
        print(dict(await messages.counts("by_year")))
        print(dict(await messages.counts("by_year", depth=2)))
        print(await messages.count())


asyncio.run(main())
