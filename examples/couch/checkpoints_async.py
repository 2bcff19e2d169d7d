"""Record the sequence, in the same backend or in a store of your own."""

import needs_couch  # if no server answers, says how to start one

# --8<-- [start:recipe]
import asyncio
import json
import os
import tempfile
from pathlib import Path

from datapatterns import AsyncChangesWorker, AsyncStore, Change, Document

URL = os.environ.get("STORE_URL", "couch+http://admin:password@127.0.0.1:5984")


class Message(Document):
    text: str


class File:
    """Checkpoints in a file: any object with `load` and `save` will do. Positions are opaque."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, str]:
        return json.loads(self.path.read_text()) if self.path.exists() else {}

    def write(self, positions: dict[str, str]) -> None:
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps(positions))
        fresh.replace(self.path)  # in one step, so a crash leaves the old or the new file

    async def load(self, name: str) -> str | None:
        return (await asyncio.to_thread(self.read)).get(name)

    async def save(self, name: str, seq: str) -> None:
        await asyncio.to_thread(self.write, {name: seq})


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with AsyncStore.from_url(URL, namespace="checkpoints") as store:
            messages = store.repository("messages", Message)
            feed = store.changes("messages", Message)
            start, place = await feed.now(), File(Path(folder) / "position.json")
            await place.save("copy", start)

            async def handle(change: Change[Message]) -> None:
                seen.append(change.document.text)
                worker.stop()

            for text in ("first", "second"):
                await messages.create(Message(text=text))
                seen: list[str] = []
                worker = AsyncChangesWorker(feed, handle, name="copy", checkpoints=place)
                await worker.run()
                print(seen)  # the second run continues after the first
            print("behind", await worker.lag(), "moved", await place.load("copy") != start)


asyncio.run(main())
