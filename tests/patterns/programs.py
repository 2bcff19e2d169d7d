"""Workers in a process of their own, for tests that signal or kill it: `programs.py NAME FOLDER`.

They tell what happens on standard output, and keep effects and checkpoints in files.
"""

import asyncio
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent))

from patterns._async.memory import AsyncMemoryFeed
from patterns._sync.memory import MemoryFeed

from datapatterns.core.changes import Change
from datapatterns.patterns._async.changes_worker import AsyncChangesWorker  # after the path
from datapatterns.patterns._async.concurrency import AsyncEvent
from datapatterns.patterns._async.concurrency import stop_on_signals as stop_on_signals_async
from datapatterns.patterns._sync.changes_worker import ChangesWorker
from datapatterns.patterns._sync.concurrency import Event, stop_on_signals

COUNT = 800  # changes of the killed worker
IDS = [f"id{random.Random(number).randrange(15)}" for number in range(COUNT)]  # fixed


def say(*words: object) -> None:
    """Tell the test."""
    # In one piece, since several threads tell at once.
    os.write(sys.stdout.fileno(), (" ".join(map(str, words)) + "\n").encode())


class Files:
    """Checkpoints in files, as durable as a kill of the process asks for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, name: str) -> str | None:
        """Return what is in the file."""
        path = self.folder / name
        return path.read_text() if path.exists() else None

    def save(self, name: str, seq: str) -> None:
        """Replace the file."""
        path = self.folder / f"{name}.new"
        path.write_text(seq)
        path.replace(self.folder / name)


class AsyncFiles:
    """The same for the async face."""

    def __init__(self, folder: Path) -> None:
        self.files = Files(folder)

    async def load(self, name: str) -> str | None:
        """Return what is in the file."""
        return self.files.load(name)

    async def save(self, name: str, seq: str) -> None:
        """Replace the file."""
        self.files.save(name, seq)


def slow(change: Change[int]) -> None:
    """Say when a change is begun and done."""
    say("begin", change.document)
    time.sleep(0.3)
    say("done", change.document)


def stuck(change: Change[int]) -> None:
    """Never return."""
    say("begin", change.document)
    threading.Event().wait()


def effect(folder: Path, change: Change[int]) -> None:
    """Leave a line behind, at some moment."""
    time.sleep(random.random() * 0.004)
    line = f"{change.document}\n".encode()
    file = os.open(folder / "effects", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, line)
    os.close(file)
    time.sleep(random.random() * 0.004)


def drained(folder: Path, handler: object = slow) -> None:
    """Run the sync worker in the main thread."""
    feed = MemoryFeed("a", "b", "c", "d", "e", "f")
    worker = ChangesWorker(feed, handler, name="w", parallel=2, checkpoints=Files(folder))
    former = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    say("handled", worker.run().handled)
    after = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    say("restored", former == after)


def drained_async(folder: Path, handler: object = slow) -> None:
    """Run two async workers at once in the main thread."""

    async def main() -> None:
        feeds = [AsyncMemoryFeed(*"abc"), AsyncMemoryFeed(*"abc")]
        workers = [
            AsyncChangesWorker(
                feed, handler, name=f"w{number}", parallel=2, checkpoints=AsyncFiles(folder)
            )
            for number, feed in enumerate(feeds)
        ]
        former = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        summaries = await asyncio.gather(*(worker.run() for worker in workers))
        after = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        say("handled", sum(summary.handled for summary in summaries))
        say("restored", former == after)

    asyncio.run(main())


def abandoned(folder: Path) -> None:
    """Run the sync worker with a handler that hangs."""
    drained(folder, stuck)


def abandoned_async(folder: Path) -> None:
    """Run the async workers with a handler that hangs in its thread."""
    drained_async(folder, stuck)


def idle(folder: Path) -> None:
    """Wait for a signal in the main thread, and do nothing else."""
    event = Event()
    with stop_on_signals(event.set):
        say("begin")
        say("woken", event.wait(50))


def idle_async(folder: Path) -> None:
    """Wait for a signal in a loop that has nothing else to wake up for."""

    async def main() -> None:
        event = AsyncEvent()
        with stop_on_signals_async(event.set):
            say("begin")
            say("woken", await event.wait(50))

    asyncio.run(main())


def beside(folder: Path) -> None:
    """Run both faces outside the main thread, and see whether they touch the signals."""
    former = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    seen: list[bool] = []

    def handle(change: Change[int]) -> None:
        after = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        seen.append(former == after)

    def sync_face() -> None:
        worker = ChangesWorker(MemoryFeed("a"), handle, name="w", checkpoint_every=(1, 1.0))
        threading.Timer(0.3, worker.stop).start()
        worker.run()

    def async_face() -> None:
        worker = AsyncChangesWorker(AsyncMemoryFeed("a"), handle, name="w")
        threading.Timer(0.3, worker.stop).start()
        asyncio.run(worker.run())

    for face in (sync_face, async_face):
        thread = threading.Thread(target=face)
        thread.start()
        thread.join()
    say("untouched", seen)


def killed(folder: Path) -> None:
    """Leave a line for each change, until killed or through."""
    feed = MemoryFeed(*IDS)
    worker = ChangesWorker(
        feed,
        lambda change: effect(folder, change),
        name="w",
        parallel=6,
        checkpoints=Files(folder),
        checkpoint_every=(5, 0.01),
    )
    files = Files(folder)

    def watch() -> None:
        while feed.place(files.load("w")) < COUNT:
            time.sleep(0.01)
        worker.stop()

    threading.Thread(target=watch, daemon=True).start()
    say("ready")
    worker.run()
    say("through")


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(sys.argv[2]))
