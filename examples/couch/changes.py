"""All options of a feed: a filter, inactivity, pausing and events."""

import needs_couch  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os
import threading

from datapatterns import Document, Store, TimedOut

URL = os.environ.get("STORE_URL", "couch+http://admin:password@127.0.0.1:5984")


class Message(Document):
    text: str
    urgent: bool = False


with Store.from_url(URL, namespace="whole_feed") as store:
    messages = store.repository("messages", Message)
    feed = store.changes(
        "messages",
        Message,
        filter=lambda change: change.document is not None and change.document.urgent,
        inactivity=2.0,
    )
    start = feed.now()
    for text, urgent in [("tea", False), ("fire", True), ("cake", False), ("flood", True)]:
        messages.create(Message(text=text, urgent=urgent))

    events: list[str] = []
    feed.on_event(lambda name, details: events.append(name))
    try:
        for change in feed.follow(since=start):
            print(change.document.text)
            feed.pause()  # no change is handed out or kept in memory
            threading.Timer(0.1, feed.resume).start()
    except TimedOut:
        print("nothing for two seconds")
    print([name for name in ("confirm", "paused", "resumed", "caught_up") if name in events])
    print("a batch of all", len(store.changes("messages", Message).read(start)))
