"""Update some fields: the last writer wins, and thirty writers at once all succeed."""

import needs_couch  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os
from concurrent.futures import ThreadPoolExecutor

from datapatterns import Document, Store

URL = os.environ.get("STORE_URL", "couch+http://admin:password@127.0.0.1:5984")


class User(Document):
    name: str
    city: str = ""
    language: str = ""


with Store.from_url(URL, namespace="update_fields") as store:
    users = store.repository("users", User)
    ada = users.create(User(name="Ada"))

    # Each names only the fields it changes. After a conflict `update` merges again.
    changes = [{"city": f"city {n}"} for n in range(15)]
    changes += [{"language": f"language {n}"} for n in range(15)]
    with ThreadPoolExecutor(30) as threads:
        stored = list(threads.map(lambda change: users.update(ada.id, change), changes))
    print("all succeeded", len(stored))

    after = users.get(ada.id)
    print(after.name, after.city.startswith("city"), after.language.startswith("language"))
    users.destroy(ada.id)
