"""Have documents handled in three processes, kill one of them, and print the account."""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

from datapatterns import ChangesWorker, Document, Store
from datapatterns.core.changes import Change
from datapatterns.patterns.processes import Processes


class Note(Document):
    """A document of any kind."""

    number: int


def handle(change: Change[Note]) -> None:
    """Write down who handled what; refuse one document every time."""
    note = change.document
    if note is not None and note.number == 7:
        raise ValueError("not seven")
    line = json.dumps([change.id, os.getpid()]) + "\n"
    with Path(os.environ["ACCOUNT"]).open("a") as file:
        file.write(line)


def main(url: str, namespace: str, count: int) -> None:
    """Run the program."""
    with Store.from_url(url, namespace=namespace) as store, Processes(handle, 3) as handler:
        notes = store.repository("notes", Note)
        for number in range(count):
            notes.create(Note(id=f"n{number}", number=number))
        first = handler.pids
        print(json.dumps(first), flush=True)
        feed = store.changes("notes", Note)
        options = {"parallel": 3, "backoff": lambda attempt: 0.01, "signals": False}
        worker = ChangesWorker(feed, handler, name="notes", **options)

        def attack() -> None:
            account = Path(os.environ["ACCOUNT"])
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline and len(_lines(account)) < count // 3:
                time.sleep(0.01)
            os.kill(first[0], signal.SIGKILL)
            while time.monotonic() < deadline and _missing(account, count):
                time.sleep(0.05)
            worker.stop()

        attacker = threading.Thread(target=attack)
        attacker.start()
        summary = worker.run()
        attacker.join()
        dead = [letter.id for letter in worker.dead_letters()]
        print(json.dumps({"handled": summary.handled, "dead": dead}))


def _lines(account: Path) -> list[str]:
    return account.read_text().splitlines() if account.exists() else []


def _missing(account: Path, count: int) -> bool:
    seen = {json.loads(line)[0] for line in _lines(account)}
    return len(seen) < count - 1  # one is refused


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
