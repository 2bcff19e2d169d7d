"""Pages with many messages of the same millisecond, and the previous page."""

import needs_couch  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os

from datapatterns import Document, Index, Store

URL = os.environ.get("STORE_URL", "couch+http://admin:password@127.0.0.1:5984")


class Message(Document):
    to: str
    at: int


with Store.from_url(URL, namespace="pages") as store:
    messages = store.repository("messages", Message, indexes=[Index("inbox", "to", "at")])
    for message in messages.iterate():
        messages.destroy(message.id)
    for n in range(7):  # six of them at the same time
        messages.create(Message(id=f"message {n}", to="ada", at=1_000 if n else 999))

    pages = []
    page = messages.query("inbox", "ada", limit=3)
    while True:
        pages.append([message.id[-1] for message in page])
        if page.next is None:
            break
        page = messages.query("inbox", "ada", limit=3, after=page.next)
    print(pages)

    # A new message on a page that was read already does not move the messages of the next pages.
    messages.create(Message(id="message new", to="ada", at=1))
    while page.previous is not None:
        page = messages.query("inbox", "ada", limit=3, after=page.previous)
        print([message.id[8:] for message in page])
