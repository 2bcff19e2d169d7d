"""Five jobs in parallel, and a checkpoint that never skips the slow one."""

import needs_couch  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os
import threading

from datapatterns import Change, ChangesWorker, Document, Store

URL = os.environ.get("STORE_URL", "couch+http://admin:password@127.0.0.1:5984")


class Job(Document):
    name: str


with Store.from_url(URL, namespace="five_jobs") as store:
    jobs, feed = store.repository("jobs", Job), store.changes("jobs", Job)
    start = feed.now()
    feed.checkpoints.save("five", start)
    for name in ("slow", "a", "b", "c", "d"):
        jobs.create(Job(name=name))
    done: list[str] = []
    four_done, go_on = threading.Event(), threading.Event()

    def work(change: Change[Job]) -> None:
        if change.document.name == "slow":
            go_on.wait(30)
        done.append(change.document.name)
        if len(done) == 4:
            four_done.set()
        if len(done) == 5:
            worker.stop()

    def left() -> list[str]:
        """Return what a new worker would handle if this one crashed now."""
        return [change.document.name for change in feed.read(feed.checkpoints.load("five"))]

    worker = ChangesWorker(feed, work, name="five", parallel=5, checkpoint_every=(1, 0.05))
    thread = threading.Thread(target=worker.run)
    thread.start()
    four_done.wait(30)
    print("done", sorted(done), "and a crash would repeat the slow one:", "slow" in left())

    go_on.set()
    thread.join()
    print("done", len(done), "left", left())
