"""Stop cleanly on SIGINT, and see what is repeated after a SIGKILL."""

import needs_couch  # if no server answers, says how to start one

# --8<-- [start:recipe]
import asyncio
import os
import signal
import sys
from uuid import uuid4

from datapatterns import AsyncChangesWorker, AsyncStore, Change, Document

URL = "couch+" + os.environ.get("COUCHDB_URL", "http://admin:password@127.0.0.1:5984")


class Message(Document):
    to: str


async def effect(change: Change[Message]) -> None:
    print(change.id, flush=True)


async def handled_until(how: signal.Signals, name: str) -> list[str]:
    """Start a worker in another process, wait for three effects, and send it the signal."""
    command = [sys.executable, __file__, name]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    effects = [(await process.stdout.readline()).decode().strip() for _ in range(3)]
    process.send_signal(how)
    rest, _ = await process.communicate()
    return sorted(effects) + rest.decode().splitlines()


async def main() -> None:
    async with AsyncStore.from_url(URL, namespace="stopping") as store:
        feed = store.changes("messages", Message)
        # The other process. It rarely saves its position, to show what may be repeated.
        if len(sys.argv) > 1:
            seldom = (1_000, 60.0)
            worker = AsyncChangesWorker(feed, effect, name=sys.argv[1], checkpoint_every=seldom)
            print("clean end after", (await worker.run()).handled, flush=True)
            return

        messages = store.repository("messages", Message)
        for to in ("ada", "charles", "mary"):
            if not await messages.exists(to):
                await messages.create(Message(id=to, to=to))
        name = f"worker {uuid4()}"
        print("killed", await handled_until(signal.SIGKILL, name))
        print("repeated", await handled_until(signal.SIGINT, name))
        print("left to do", await AsyncChangesWorker(feed, effect, name=name).lag())


asyncio.run(main())
