"""Composite keys: by recipient, then by time, the newest first."""

import needs_couch  # if no server answers, says how to start one

# --8<-- [start:recipe]
import asyncio
import os

from datapatterns import AsyncStore, Document, Index

URL = os.environ.get("STORE_URL", "couch+http://admin:password@127.0.0.1:5984")


class Message(Document):
    to: str
    at: int
    text: str


async def main() -> None:
    async with AsyncStore.from_url(URL, namespace="composite_keys") as store:
        inbox = Index("inbox", "to", "at")  # on CouchDB: a view that emits [to, at]
        messages = store.repository("messages", Message, indexes=[inbox])
        async for message in messages.iterate():
            await messages.destroy(message.id)
        for to, at in [("ada", 1), ("charles", 2), ("ada", 3), ("ada", 2)]:
            await messages.create(Message(to=to, at=at, text=f"to {to} at {at}"))

        # A prefix of the key; then ordered by time.
        newest = await messages.query("inbox", "ada", descending=True)
        print([message.text for message in newest])
        since = await messages.query("inbox", "ada", start=2)  # `start` is included
        print([message.at for message in since])
        between = await messages.query("inbox", "ada", start=1, end=2)
        print([message.text for message in between])
        charles = await messages.query("inbox", "charles")
        print(len(await messages.query("inbox")), len(charles))


asyncio.run(main())
