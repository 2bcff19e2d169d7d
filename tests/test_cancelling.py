"""A task that is cancelled ends, wherever in a call the cancellation finds it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from datapatterns import AsyncStore, Document
from datapatterns.testing.waiting import PATIENCE

TRIES = 150
Call = Callable[[], Awaitable[Any]]


class Note(Document):
    """Anything."""


@pytest.fixture(params=["redis", "couch"])
def url(request: pytest.FixtureRequest) -> str:
    """One store of each kind that waits for a server."""
    server = request.getfixturevalue(f"{request.param}_server")
    return server.url if request.param == "redis" else f"couch+{server.url}"


async def test_a_cancelled_task_ends(url: str) -> None:
    """In Python 3.11 `asyncio.wait_for`, which drivers use, forgets some cancellations."""
    async with AsyncStore.from_url(url, namespace="cancelling") as store:
        notes = store.repository("notes", Note)
        await notes.create(Note(id=f"first-{random.random()}"))
        calls: list[Call] = [lambda: notes.find("absent"), lambda: notes.count()]
        if store.capabilities.has("counter"):
            calls.append(store.counter("n").increment)
        forgotten = 0
        for turn in range(TRIES):
            task = asyncio.create_task(repeat(calls[turn % len(calls)]))
            for _ in range(random.randrange(1, 60)):
                await asyncio.sleep(0)
            task.cancel()
            done, _ = await asyncio.wait({task}, timeout=PATIENCE)
            forgotten += not done
            while not task.done():
                task.cancel()
                await asyncio.sleep(0.001)
            if forgotten:
                break
        assert not forgotten


async def repeat(call: Call) -> None:
    """Call it for ever, at every turn anew."""
    while True:
        await call()
