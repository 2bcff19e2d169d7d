"""Several processes share the ids of one feed, and one process is added."""

import needs_couch  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os
import threading
from collections.abc import Callable
from uuid import uuid4

from datapatterns import Change, ChangesWorker, Document, Store

URL = os.environ.get("STORE_URL", "couch+http://admin:password@127.0.0.1:5984")


class Job(Document):
    number: int


with Store.from_url(URL, namespace="shards") as store:
    jobs = store.repository("jobs", Job)
    for number in range(20):
        if not jobs.exists(f"job {number}"):
            jobs.create(Job(id=f"job {number}", number=number))
    name = f"print {uuid4()}"

    def share_out(count: int) -> None:
        """Run so many workers, here in threads; in production each would be a process."""
        shares: list[list[str]] = [[] for _ in range(count)]
        workers: list[ChangesWorker[Job]] = []

        def handler(share: list[str]) -> Callable[[Change[Job]], None]:
            def handle(change: Change[Job]) -> None:
                share.append(change.id)
                if sum(map(len, shares)) == 20:
                    for worker in workers:
                        worker.stop()

            return handle

        for i, share in enumerate(shares):
            feed = store.changes("jobs", Job)
            workers.append(ChangesWorker(feed, handler(share), name=name, shard=(i, count)))
        threads = [threading.Thread(target=worker.run) for worker in workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(count, "workers; all busy:", all(shares), "together:", len(set().union(*shares)))

    share_out(2)
    share_out(3)  # new shares start at the beginning of the feed, so handlers must be idempotent
