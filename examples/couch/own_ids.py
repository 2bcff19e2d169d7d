"""Documents whose id is the e-mail address, and what happens to duplicates."""

import needs_couch  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os

from datapatterns import Conflict, Document, Store

URL = os.environ.get("STORE_URL", "couch+http://admin:password@127.0.0.1:5984")


class User(Document):
    email: str
    name: str


with Store.from_url(URL, namespace="own_ids") as store:
    users = store.repository("users", User, id_from="email")
    ada = users.create(User(email="ada@example.org", name="Ada"))
    print(ada.id, users.get("ada@example.org").name)

    try:
        users.create(User(email="ada@example.org", name="Somebody else"))
    except Conflict as error:
        print(error.status, error.reason)

    # Without `id_from` the id is a new UUID; such ids sort by the time of creation.
    notes = store.repository("notes", User)
    first, second = (notes.create(User(email=ada.email, name=name)) for name in ("a", "b"))
    print(first.id < second.id, len(first.id))

    users.destroy(ada.id)
    print(users.find(ada.id), users.exists(ada.id))
    notes.destroy(first.id)
    notes.destroy(second.id)
