# Generated from tests/contracts/_async/test_closing.py by scripts/unasync.py; do not edit.
"""Workers and feeds end when their store is closed during their run."""

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
    """A document of these tests."""

    text: str = ""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Yield a store with an item in its queue and a document in its collection."""
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
    """Close the store once the work has begun, and assert that the work ends with Closed."""
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
    """A worker of a closed store raises Closed instead of trying again without end."""
    began = Event()

    def handle(item: str) -> None:
        began.set()

    worker = Worker(store.work_queue("mail"), handle, signals=False)
    ends(store, began, worker.run, worker.stop)


def test_a_changes_worker_ends(store: Store) -> None:
    """A changes worker of a closed store raises Closed as well."""
    began = Event()

    def handle(change: Any) -> None:
        began.set()

    feed = store.changes("notes", Note)
    worker = ChangesWorker(feed, handle, name="w", signals=False)
    ends(store, began, worker.run, worker.stop)
    with pytest.raises(Closed):
        worker.run()


def test_a_feed_ends(store: Store) -> None:
    """Following and reading a feed of a closed store raise Closed."""
    began = Event()
    feed = store.changes("notes", Note)

    def follow() -> None:
        for _ in feed.follow():
            began.set()

    ends(store, began, follow, feed.stop)
    with pytest.raises(Closed):
        feed.read()
