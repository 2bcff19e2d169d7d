# Generated from tests/contracts/_async/test_closing.py by scripts/unasync.py; do not edit.
"""What becomes of workers and feeds when their store is closed under them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from datapatterns import ChangesWorker, Closed, Document, Store, Worker
from datapatterns.patterns._sync.concurrency import Event
from datapatterns.testing._sync.concurrently import meanwhile
from datapatterns.testing.waiting import PATIENCE

pytestmark = pytest.mark.anyio


class Note(Document):
    """What is stored."""

    text: str = ""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store with an item in its queue and a document in its collection."""
    with Store.from_url(f"level:{tmp_path}/data") as opened:
        opened.work_queue("mail").push("hello")
        opened.repository("notes", Note).create(Note())
        yield opened


def ends(
    store: Store,
    began: Event,
    work: Callable[[], Any],
    stop: Callable[[], None],
) -> None:
    """Close the store once the work has begun, and see that this ends it with Closed."""
    ended = Event()

    def run() -> None:
        with pytest.raises(Closed):
            work()
        ended.set()

    with meanwhile(run):
        try:
            assert began.wait(PATIENCE)
            store.close()
            assert ended.wait(PATIENCE)
        finally:
            stop()


def test_a_worker_ends(store: Store) -> None:
    """It cannot be served any more, and says so instead of trying for ever."""
    began = Event()

    def handle(item: str) -> None:
        began.set()

    worker = Worker(store.work_queue("mail"), handle, signals=False)
    ends(store, began, worker.run, worker.stop)


def test_a_changes_worker_ends(store: Store) -> None:
    """The same for one that follows a collection."""
    began = Event()

    def handle(change: Any) -> None:
        began.set()

    feed = store.changes("notes", Note)
    worker = ChangesWorker(feed, handle, name="w", signals=False)
    ends(store, began, worker.run, worker.stop)
    with pytest.raises(Closed):
        worker.run()


def test_a_feed_ends(store: Store) -> None:
    """Following and reading raise it."""
    began = Event()
    feed = store.changes("notes", Note)

    def follow() -> None:
        for _ in feed.follow():
            began.set()

    ends(store, began, follow, feed.stop)
    with pytest.raises(Closed):
        feed.read()
