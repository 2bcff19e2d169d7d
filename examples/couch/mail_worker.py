"""A worker on the changes feed that sends mail and marks the message."""

import needs_couch  # says how to start a server, if none answers

# --8<-- [start:recipe]
import os

from datapatterns import Change, ChangesWorker, Document, Store

URL = os.environ.get("STORE_URL", "couch+http://admin:password@127.0.0.1:5984")


class Message(Document):
    to: str
    notified: bool = False


with Store.from_url(URL, namespace="mail_worker") as store:
    messages = store.repository("messages", Message)
    for message in messages.iterate():
        messages.destroy(message.id)
    for to in ("ada", "charles"):
        messages.create(Message(to=to))
    sent: list[str] = []

    def notify(change: Change[Message]) -> None:
        """Called at least once for each change, in order for each document."""
        message = change.document
        if message is None or message.notified:
            return  # it was deleted, or this change is our own mark
        sent.append(message.to)  # your mail server comes here, with change.id in the Message-ID
        messages.update(change.id, {"notified": True})
        if len(sent) == 2:
            worker.stop()

    worker = ChangesWorker(store.changes("messages", Message), notify, name="mail")
    worker.run()
    print("sent to", sorted(sent))
    print("marked", [message.notified for message in messages.iterate()])
    print("given up", len(worker.dead_letters()))
