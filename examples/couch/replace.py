"""Update the whole document; the client decides what to do about a conflict."""

import needs_couch  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os

from datapatterns import Conflict, Document, Store

URL = os.environ.get("STORE_URL", "couch+http://admin:password@127.0.0.1:5984")


class User(Document):
    name: str
    city: str = ""


with Store.from_url(URL, namespace="replace") as store:
    users = store.repository("users", User)
    mine = users.create(User(name="Ada"))
    theirs = users.get(mine.id)  # another user has read the same revision

    theirs.city = "London"
    print(users.replace(theirs).rev != mine.rev)

    mine.name = "Ada Lovelace"
    try:
        users.replace(mine)  # with a revision that is no longer the latest
    except Conflict as error:
        print(error.status, error.reason)

    latest = users.get(mine.id)  # read again, decide, and store with the new revision
    latest.name = "Ada Lovelace"
    stored = users.replace(latest)
    print(stored.name, stored.city)
    users.destroy(stored.id, rev=stored.rev)
