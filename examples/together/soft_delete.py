"""Delete softly: the document stays, and its unique value is free again."""

import os
from datetime import UTC, datetime

from datapatterns import Conflict, Document, Index, Store, UtcDatetime

URL = os.environ.get("STORE_URL", "level:./data")


class User(Document):
    email: str
    deleted_at: UtcDatetime | None = None


# Unique among the documents for which `where` is true; the others are not in the index.
LIVE = Index(
    "by_email",
    "email",
    unique=True,
    where=lambda fields: fields["deleted_at"] is None,
    version=1,  # a higher number, when `where` changes, fills the index anew
)

with Store.from_url(URL, namespace="soft_delete") as store:
    users = store.repository("users", User, indexes=[LIVE])
    for user in users.iterate():
        users.destroy(user.id)

    ada = users.create(User(email="ada@example.org"))
    try:
        users.create(User(email="ada@example.org"))
    except Conflict as error:
        print("taken:", error.reason, error.data["index"])

    users.update(ada.id, {"deleted_at": datetime.now(UTC)})
    print("live", users.count("by_email"), "stored", users.count())

    again = users.create(User(email="ada@example.org"))
    page = users.query("by_email", "ada@example.org")
    print("found the new one", [user.id for user in page] == [again.id])

    # To restore the old one is refused as long as another one has the address.
    try:
        users.update(ada.id, {"deleted_at": None})
    except Conflict as error:
        print("taken:", error.reason)
    users.destroy(again.id)
    ada = users.update(ada.id, {"deleted_at": None})
    print("restored", ada.deleted_at is None)
    users.destroy(ada.id)
