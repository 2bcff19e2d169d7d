"""A worker on the changes feed that sends mail and marks the message."""

import needs_couch  # if no server answers, says how to start one

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
            return  # the message was deleted, or the change is our own mark
        sent.append(message.to)  # send the mail here, with change.id in its Message-ID
        messages.update(change.id, {"notified": True})
        if len(sent) == 2:
            worker.stop()

    worker = ChangesWorker(store.changes("messages", Message), notify, name="mail")
    worker.run()
    print("sent to", sorted(sent))
    print("marked", [message.notified for message in messages.iterate()])
    print("given up", len(worker.dead_letters()))
