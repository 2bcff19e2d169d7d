"""The server stops and comes back at another address, and the feed goes on."""

import needs_couch  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os
import threading
from urllib.parse import urlsplit

from datapatterns import Document
from datapatterns.couch import ChangesFeed, Couch
from datapatterns.testing.faults.proxy import FaultProxy

URL = os.environ.get("COUCHDB_URL", "http://admin:password@127.0.0.1:5984")
server = urlsplit(URL)


class Message(Document):
    day: str


def at(port: int) -> str:
    return f"http://{server.username}:{server.password}@127.0.0.1:{port}"


with Couch(URL) as couch:
    messages = couch.database("recipe_long_weekend")
    messages.create() or messages.destroy()
    messages.create()
    heard: list[str] = []
    friday, monday = threading.Event(), threading.Event()

    # The feed calls this for each connection. (Here a proxy takes the part of the server.)
    addresses = [FaultProxy(server.hostname, server.port).start()]
    feed = ChangesFeed(lambda: at(addresses[-1].port), messages.name, Message)

    def follow() -> None:
        for change in feed.follow():
            heard.append(change.document.day)
            (friday if change.document.day == "friday" else monday).set()

    listener = threading.Thread(target=follow)
    listener.start()
    messages.put("1", {"day": "friday"})
    friday.wait(30)

    addresses[0].close()  # no server answers there any more
    messages.put("2", {"day": "monday"})  # written while the feed is disconnected
    addresses.append(FaultProxy(server.hostname, server.port).start())
    monday.wait(30)

    feed.stop()
    listener.join()
    addresses[1].close()
    print(heard)
