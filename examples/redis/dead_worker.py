"""A worker process is killed in the middle of a job; another one does the job."""

import needs_redis  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os
import subprocess
import sys
import time

from datapatterns import Store, Worker

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")


def never_finish(job: dict[str, str]) -> None:
    print("took", job["name"], flush=True)
    time.sleep(60)


with Store.from_url(URL, namespace="dead_worker") as store:
    queue = store.work_queue("jobs", lease=0.5)
    if "worker" in sys.argv:  # the other process
        Worker(queue, never_finish).run()

    queue.purge()
    queue.push({"name": "sweep"})
    with subprocess.Popen([sys.executable, __file__, "worker"], stdout=subprocess.PIPE) as other:
        print("the other process", other.stdout.readline().decode().strip())
        other.kill()  # it cannot clean up

    def finish(job: dict[str, str]) -> None:
        print("this process did", job["name"])
        worker.stop()

    worker = Worker(queue, finish)
    print("acked", worker.run().acked)
    print("taken back from dead workers", queue.stats().requeued > 0)
