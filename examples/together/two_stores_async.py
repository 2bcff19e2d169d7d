"""One application with its documents on CouchDB and its fast parts on Redis."""

import needs_couch  # if no server answers, says how to start one
import needs_redis

# --8<-- [start:recipe]
import asyncio
import os

from datapatterns import AsyncStore, Document, Index

COUCH = os.environ.get("COUCHDB_URL", "http://admin:password@127.0.0.1:5984")
REDIS = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")


class Message(Document):
    to: str
    at: int
    text: str


class Mailroom:
    """Each pattern on the store that fits it; other code does not know which store that is."""

    def __init__(self, documents: AsyncStore, fast: AsyncStore) -> None:
        inbox = Index("inbox", "to", "at")
        self.messages = documents.repository("messages", Message, indexes=[inbox])
        self.requests = fast.rate_limiter("requests", limit=2, window=60)
        self.writers = fast.leaderboard("writers")
        self.letters = fast.work_queue("letters")

    async def send(self, sender: str, to: str, at: int, text: str) -> Message:
        await self.requests.check(sender)  # raises TooManyRequests before anything is written
        message = await self.messages.create(Message(to=to, at=at, text=text))
        await self.writers.add(sender, 1)
        # An id that is in the queue is not queued twice.
        await self.letters.push({"to": to}, id=message.id)
        return message


async def main() -> None:
    async with (
        AsyncStore.from_url(f"couch+{COUCH}", namespace="two_stores") as documents,
        AsyncStore.from_url(REDIS, namespace="two_stores") as fast,
    ):
        office = Mailroom(documents, fast)
        await office.requests.reset("charles")
        await office.writers.remove("charles")
        await office.letters.purge()
        async for message in office.messages.iterate():
            await office.messages.destroy(message.id)

        for at, text in enumerate(["The engine turns.", "It stopped."]):
            await office.send("charles", "ada", at, text)
        newest_first = await office.messages.query("inbox", "ada", descending=True)
        print([message.text for message in newest_first])
        print((await office.writers.top(1))[0].score, (await office.letters.stats()).ready)
        print((await office.requests.peek("charles")).allowed)


asyncio.run(main())
