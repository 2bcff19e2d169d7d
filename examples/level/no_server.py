"""A counter, a queue, a limiter and a changes feed in one directory, without a server."""

import os
from pathlib import Path

from datapatterns import Document, Store

PATH = os.environ.get("DB_PATH", Path(__file__).with_suffix(".db"))


class User(Document):
    name: str


with Store.from_url(f"level:{PATH}", namespace="no_server") as store:
    visits = store.counter("visits")
    visits.reset()
    print("visits", visits.increment(), visits.increment(by=10))

    mail = store.work_queue("mail")
    mail.purge()
    mail.push({"to": "ada@example.org"})
    with mail.take() as delivery:  # acked at the end of the block; retried if it raises
        print("mail to", delivery.item["to"])
    print("left in the queue", mail.stats().ready)

    logins = store.rate_limiter("logins", limit=3, window=60)
    logins.reset("ada")
    print("admitted", [logins.hit("ada").allowed for _ in range(5)])

    users, feed = store.repository("users", User), store.changes("users", User)
    start = feed.now()
    ada = users.create(User(name="Ada"))
    users.update(ada.id, {"name": "Ada Lovelace"})
    users.destroy(users.create(User(name="Bob")).id)
    changes = feed.read(start)
    print("changes", [change.document and change.document.name for change in changes])
