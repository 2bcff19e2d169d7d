"""Start embedded, then change the URL and migrate the data."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os
import tempfile

from datapatterns import Document, Store
from datapatterns.migration import migrate

REDIS = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")


class User(Document):
    name: str


def use(store: Store) -> None:
    """Do the work of the application, which is the same for every URL."""
    users = store.repository("users", User)
    if not users.exists("ada"):
        users.create(User(id="ada", name="Ada"))
    visits = store.counter("visits").increment()
    place = store.leaderboard("game").add("ada", 10)
    print(users.get("ada").name, visits, place, store.work_queue("mail").stats().ready)


with tempfile.TemporaryDirectory() as folder:
    with Store.from_url(f"level:{folder}/data", namespace="grow") as small:
        use(small)
        small.work_queue("mail").push({"to": "ada"})
        with Store.from_url(REDIS, namespace="grow") as large:
            report = migrate(small, large, verify=True)  # after a crash the same call continues
            print("carried", sum(report.carried.values()), "everything there:", report.ok)

with Store.from_url(REDIS, namespace="grow") as store:
    use(store)
    store.counter("visits").reset()
    store.leaderboard("game").remove("ada")
    store.repository("users", User).destroy("ada")
    store.work_queue("mail").purge()
