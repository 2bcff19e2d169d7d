"""The server stops and comes back at another address, and the feed goes on."""

import needs_couch  # if no server answers, says how to start one

# --8<-- [start:recipe]
import asyncio
import os
from urllib.parse import urlsplit

from datapatterns import Document
from datapatterns.couch import AsyncChangesFeed, AsyncCouch
from datapatterns.testing.faults.proxy import FaultProxy

URL = os.environ.get("COUCHDB_URL", "http://admin:password@127.0.0.1:5984")
server = urlsplit(URL)


class Message(Document):
    day: str


def at(port: int) -> str:
    return f"http://{server.username}:{server.password}@127.0.0.1:{port}"


async def main() -> None:
    async with AsyncCouch(URL) as couch:
        messages = couch.database("recipe_long_weekend")
        await messages.create() or await messages.destroy()
        await messages.create()
        heard: list[str] = []
        friday, monday = asyncio.Event(), asyncio.Event()

        # The feed calls this for each connection. (Here a proxy takes the part of the server.)
        addresses = [FaultProxy(server.hostname, server.port).start()]
        feed = AsyncChangesFeed(lambda: at(addresses[-1].port), messages.name, Message)

        async def follow() -> None:
            async for change in feed.follow():
                heard.append(change.document.day)
                (friday if change.document.day == "friday" else monday).set()

        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            group.create_task(follow())
            await messages.put("1", {"day": "friday"})
            await friday.wait()

            addresses[0].close()  # no server answers there any more
            await messages.put("2", {"day": "monday"})  # while the feed is disconnected
            addresses.append(FaultProxy(server.hostname, server.port).start())
            await monday.wait()
            feed.stop()
        addresses[1].close()
        print(heard)


asyncio.run(main())
