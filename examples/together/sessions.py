"""Sessions that expire: they are gone at their time, and their entries with them."""

import os
from datetime import UTC, datetime, timedelta

from datapatterns import Document, Index, Store, UtcDatetime

URL = os.environ.get("STORE_URL", "level:./data")


class Session(Document):
    user: str
    until: UtcDatetime


def after(minutes: int) -> datetime:
    return datetime.now(UTC) + timedelta(minutes=minutes)


with Store.from_url(URL, namespace="sessions") as store:
    by_user = Index("by_user", "user")
    sessions = store.repository("sessions", Session, indexes=[by_user], expires="until")
    sessions.put(Session(id="phone", user="ada", until=after(minutes=30)))
    sessions.put(Session(id="laptop", user="ada", until=after(minutes=30)))
    print(sessions.count("by_user", "ada"))

    # Each request gives its session more time.
    sessions.update("laptop", {"until": after(minutes=60)})

    # The other one is not used any more. Half an hour later:
    sessions.update("phone", {"until": after(minutes=-1)})
    page = sessions.list()
    print([each.id for each in page], sessions.exists("phone"))

    # Later calls remove what has expired, in small steps. A job may do it at once.
    print("removed", sessions.sweep())
    print(sessions.count("by_user", "ada"))

    # The id is free again.
    sessions.create(Session(id="phone", user="charles", until=after(minutes=30)))
    print([each.user for each in sessions.iterate()])
    for session in sessions.iterate():
        sessions.destroy(session.id)
