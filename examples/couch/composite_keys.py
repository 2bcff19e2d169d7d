"""Composite keys: by recipient, then by time, the newest first."""

import needs_couch  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os

from datapatterns import Document, Index, Store

URL = os.environ.get("STORE_URL", "couch+http://admin:password@127.0.0.1:5984")


class Message(Document):
    to: str
    at: int
    text: str


with Store.from_url(URL, namespace="composite_keys") as store:
    inbox = Index("inbox", "to", "at")  # on CouchDB: a view that emits [to, at]
    messages = store.repository("messages", Message, indexes=[inbox])
    for message in messages.iterate():
        messages.destroy(message.id)
    for to, at in [("ada", 1), ("charles", 2), ("ada", 3), ("ada", 2)]:
        messages.create(Message(to=to, at=at, text=f"to {to} at {at}"))

    newest = messages.query("inbox", "ada", descending=True)  # by a prefix; ordered by time
    print([message.text for message in newest])
    since = messages.query("inbox", "ada", start=2)  # `start` is included, `end` is excluded
    print([message.at for message in since])
    print([message.text for message in messages.query("inbox", "ada", start=1, end=2)])
    print(len(messages.query("inbox")), len(messages.query("inbox", "charles")))
