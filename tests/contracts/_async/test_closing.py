"""Workers and feeds end when their store is closed during their run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from datapatterns import AsyncChangesWorker, AsyncStore, AsyncWorker, Closed, Document
from datapatterns.patterns._async.concurrency import AsyncEvent
from datapatterns.testing._async.concurrently import meanwhile
from datapatterns.testing.waiting import PATIENCE

pytestmark = pytest.mark.anyio


class Note(Document):
    """A document of these tests."""

    text: str = ""


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[AsyncStore]:
    """Yield a store with an item in its queue and a document in its collection."""
    async with AsyncStore.from_url(f"level:{tmp_path}/data") as opened:
        await opened.work_queue("mail").push("hello")
        await opened.repository("notes", Note).create(Note())
        yield opened


async def ends(
    store: AsyncStore,
    began: AsyncEvent,
    work: Callable[[], Any],
    stop: Callable[[], None],
) -> None:
    """Close the store once the work has begun, and assert that the work ends with Closed."""
    ended = AsyncEvent()

    async def run() -> None:
        with pytest.raises(Closed):
            await work()
        ended.set()

    async with meanwhile(run):
        try:
            assert await began.wait(PATIENCE)
            await store.close()
            assert await ended.wait(PATIENCE)
        finally:
            stop()


async def test_a_worker_ends(store: AsyncStore) -> None:
    """A worker of a closed store raises Closed instead of trying again without end."""
    began = AsyncEvent()

    async def handle(item: str) -> None:
        began.set()

    worker = AsyncWorker(store.work_queue("mail"), handle, signals=False)
    await ends(store, began, worker.run, worker.stop)


async def test_a_changes_worker_ends(store: AsyncStore) -> None:
    """A changes worker of a closed store raises Closed as well."""
    began = AsyncEvent()

    async def handle(change: Any) -> None:
        began.set()

    feed = store.changes("notes", Note)
    worker = AsyncChangesWorker(feed, handle, name="w", signals=False)
    await ends(store, began, worker.run, worker.stop)
    with pytest.raises(Closed):
        await worker.run()


async def test_a_feed_ends(store: AsyncStore) -> None:
    """Following and reading a feed of a closed store raise Closed."""
    began = AsyncEvent()
    feed = store.changes("notes", Note)

    async def follow() -> None:
        async for _ in feed.follow():
            began.set()

    await ends(store, began, follow, feed.stop)
    with pytest.raises(Closed):
        await feed.read()
