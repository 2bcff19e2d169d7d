"""One application with its documents on CouchDB and its fast parts on Redis."""

import needs_couch  # if no server answers, says how to start one
import needs_redis

# --8<-- [start:recipe]
import os

from datapatterns import Document, Index, Store

COUCH = os.environ.get("COUCHDB_URL", "http://admin:password@127.0.0.1:5984")
REDIS = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")


class Message(Document):
    to: str
    at: int
    text: str


class Mailroom:
    """Each pattern on the store that fits it; other code does not know which store that is."""

    def __init__(self, documents: Store, fast: Store) -> None:
        inbox = Index("inbox", "to", "at")
        self.messages = documents.repository("messages", Message, indexes=[inbox])
        self.requests = fast.rate_limiter("requests", limit=2, window=60)
        self.writers = fast.leaderboard("writers")
        self.letters = fast.work_queue("letters")

    def send(self, sender: str, to: str, at: int, text: str) -> Message:
        self.requests.check(sender)  # raises TooManyRequests before anything is written
        message = self.messages.create(Message(to=to, at=at, text=text))
        self.writers.add(sender, 1)
        self.letters.push({"to": to}, id=message.id)  # an id is not queued twice
        return message


with (
    Store.from_url(f"couch+{COUCH}", namespace="two_stores") as documents,
    Store.from_url(REDIS, namespace="two_stores") as fast,
):
    office = Mailroom(documents, fast)
    office.requests.reset("charles")
    office.writers.remove("charles")
    office.letters.purge()
    for message in office.messages.iterate():
        office.messages.destroy(message.id)

    for at, text in enumerate(["The engine turns.", "It stopped."]):
        office.send("charles", "ada", at, text)
    print([message.text for message in office.messages.query("inbox", "ada", descending=True)])
    print(office.writers.top(1)[0].score, office.letters.stats().ready)
    print(office.requests.peek("charles").allowed)
