"""Stop cleanly on SIGINT, and see what is repeated after a SIGKILL."""

import needs_couch  # if no server answers, says how to start one

# --8<-- [start:recipe]
import os
import signal
import subprocess
import sys
from uuid import uuid4

from datapatterns import Change, ChangesWorker, Document, Store

URL = "couch+" + os.environ.get("COUCHDB_URL", "http://admin:password@127.0.0.1:5984")


class Message(Document):
    to: str


def effect(change: Change[Message]) -> None:
    print(change.id, flush=True)


def handled_until(how: signal.Signals, name: str) -> list[str]:
    """Start a worker in another process, wait for three effects, and send it the signal."""
    command = [sys.executable, __file__, name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        effects = [process.stdout.readline().strip() for _ in range(3)]
        process.send_signal(how)
        return sorted(effects) + process.stdout.read().splitlines()


with Store.from_url(URL, namespace="stopping") as store:
    feed = store.changes("messages", Message)
    # The other process. It rarely saves its position, to show what may be repeated.
    if len(sys.argv) > 1:
        worker = ChangesWorker(feed, effect, name=sys.argv[1], checkpoint_every=(1_000, 60.0))
        print("clean end after", worker.run().handled, flush=True)
        sys.exit()

    messages = store.repository("messages", Message)
    for to in ("ada", "charles", "mary"):
        if not messages.exists(to):
            messages.create(Message(id=to, to=to))
    name = f"worker {uuid4()}"
    print("killed", handled_until(signal.SIGKILL, name))
    print("repeated", handled_until(signal.SIGINT, name))
    print("left to do", ChangesWorker(feed, effect, name=name).lag())
