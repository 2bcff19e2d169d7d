"""A worker on the changes feed that sends mail and marks the message."""

import needs_couch  # if no server answers, says how to start one

# --8<-- [start:recipe]
import asyncio
import os

from datapatterns import AsyncChangesWorker, AsyncStore, Change, Document

URL = os.environ.get("STORE_URL", "couch+http://admin:password@127.0.0.1:5984")


class Message(Document):
    to: str
    notified: bool = False


async def main() -> None:
    async with AsyncStore.from_url(URL, namespace="mail_worker") as store:
        messages = store.repository("messages", Message)
        async for message in messages.iterate():
            await messages.destroy(message.id)
        for to in ("ada", "charles"):
            await messages.create(Message(to=to))
        sent: list[str] = []

        async def notify(change: Change[Message]) -> None:
            """Called at least once for each change, in order for each document."""
            message = change.document
            if message is None or message.notified:
                return  # the message was deleted, or the change is our own mark
            sent.append(message.to)  # send it here, with change.id in the Message-ID
            await messages.update(change.id, {"notified": True})
            if len(sent) == 2:
                worker.stop()

        worker = AsyncChangesWorker(store.changes("messages", Message), notify, name="mail")
        await worker.run()
        print("sent to", sorted(sent))
        print("marked", [message.notified async for message in messages.iterate()])
        print("given up", len(await worker.dead_letters()))


asyncio.run(main())
