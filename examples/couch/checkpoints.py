"""Record the sequence, in the same backend or in a store of your own."""

import needs_couch  # if no server answers, says how to start one

# --8<-- [start:recipe]
import json
import os
import tempfile
from pathlib import Path

from datapatterns import Change, ChangesWorker, Document, Store

URL = os.environ.get("STORE_URL", "couch+http://admin:password@127.0.0.1:5984")


class Message(Document):
    text: str


class File:
    """Checkpoints in a file: any object with `load` and `save` will do. Positions are opaque."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self, name: str) -> str | None:
        return json.loads(self.path.read_text()).get(name) if self.path.exists() else None

    def save(self, name: str, seq: str) -> None:
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps({name: seq}))
        fresh.replace(self.path)  # in one step, so a crash leaves the old or the new file


with (
    Store.from_url(URL, namespace="checkpoints") as store,
    tempfile.TemporaryDirectory() as folder,
):
    messages, feed = store.repository("messages", Message), store.changes("messages", Message)
    start, place = feed.now(), File(Path(folder) / "position.json")
    place.save("copy", start)

    def handle(change: Change[Message]) -> None:
        seen.append(change.document.text)
        worker.stop()

    for text in ("first", "second"):
        messages.create(Message(text=text))
        seen: list[str] = []
        worker = ChangesWorker(feed, handle, name="copy", checkpoints=place)
        worker.run()
        print(seen)  # the second run continues after the first
    print("behind", worker.lag(), "moved", place.load("copy") != start)
