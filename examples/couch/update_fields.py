"""Update some fields; the last writer wins; thirty writers at once all succeed."""

import needs_couch  # says how to start a server, if none answers

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

    # Each names what it changes and nothing else. Who was overtaken reads, merges and tries again.
    changes = [{"city": f"city {n}"} for n in range(15)]
    changes += [{"language": f"language {n}"} for n in range(15)]
    with ThreadPoolExecutor(30) as threads:
        stored = list(threads.map(lambda change: users.update(ada.id, change), changes))
    print("all succeeded", len(stored))

    after = users.get(ada.id)
    print(after.name, after.city.startswith("city"), after.language.startswith("language"))
    users.destroy(ada.id)
