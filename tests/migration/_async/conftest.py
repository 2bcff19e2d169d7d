"""Stores to migrate between: directories and a server, each on a namespace of its own."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from datapatterns import AsyncStore

Open = Callable[[str], Awaitable[AsyncStore]]


@pytest.fixture
async def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Open]:
    """Return a function that opens a new store of a kind, which is closed with the test."""
    stores: list[AsyncStore] = []

    async def open_store(kind: str) -> AsyncStore:
        fresh = f"migrate-{uuid.uuid4().hex[:12]}"
        if kind == "cluster":
            nodes = request.getfixturevalue("redis_cluster").nodes
            url = "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in nodes)
        elif kind == "couch":
            url = "couch+" + request.getfixturevalue("couch_server").url
        elif kind.startswith("redis"):
            options = "?protocol=3&decode_responses=true" if kind == "redis-resp3" else ""
            url = request.getfixturevalue("redis_url") + options
        else:
            url = f"level:{tmp_path}/{fresh}"
        store = AsyncStore.from_url(url, namespace="" if kind == "level-root" else fresh)
        await store.open()
        stores.append(store)
        return store

    yield open_store
    for store in stores:
        await store.close()
