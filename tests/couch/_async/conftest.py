"""The server, and the kinds of client over which the CouchDB patterns are tested."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import httpx
import httpx2
import pytest

from datapatterns import AsyncStore
from datapatterns.couch import AsyncCouch, AsyncDatabase
from datapatterns.couch._async.backend import AsyncBackend
from datapatterns.errors import NotFound
from datapatterns.testing.servers import couch_at_hand


class AsyncLent(AsyncBackend):
    """A backend over a client that somebody else opened and closes."""

    def __init__(self, client: Any, namespace: str) -> None:
        self.couch = AsyncCouch(client)
        self._namespace = namespace


@pytest.fixture
def namespace() -> str:
    """A namespace that nobody else uses."""
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest.fixture
async def lend(couch_server: couch_at_hand.Couch) -> AsyncIterator[Callable[..., Any]]:
    """`lend(httpx)`: a client of that library for the server, closed with the test."""
    clients: list[Any] = []

    def lend(library: Any, **options: Any) -> Any:
        parts = urlsplit(couch_server.url)
        client = library.AsyncClient(
            base_url=f"http://{parts.hostname}:{parts.port}",
            auth=(parts.username or "", parts.password or ""),
            **{"timeout": 30.0, **options},
        )
        clients.append(client)
        return client

    yield lend
    for client in clients:
        await client.aclose()


# A class of tests may ask for others: @pytest.mark.parametrize("target", ..., indirect=True)
@pytest.fixture(params=["url"])
async def target(
    request: pytest.FixtureRequest,
    couch_server: couch_at_hand.Couch,
    namespace: str,
    lend: Callable[..., Any],
) -> AsyncIterator[AsyncStore]:
    """A store on a namespace that nothing has been written to, over each kind of client."""
    kind = os.environ.get("DATAPATTERNS_COUCH_CLIENT", request.param)  # for all of the suite
    if kind == "url":
        store = AsyncStore.from_url(f"couch+{couch_server.url}", namespace=namespace)
    else:
        library = httpx2 if kind == "httpx2" else httpx
        store = AsyncStore(AsyncLent(lend(library), namespace))
    async with store:
        yield store


@pytest.fixture
async def couch(couch_server: couch_at_hand.Couch) -> AsyncIterator[AsyncCouch]:
    """The server, over a client of its own."""
    async with AsyncCouch(couch_server.url) as couch:
        yield couch


@pytest.fixture
async def database(couch: AsyncCouch, namespace: str) -> AsyncIterator[AsyncDatabase]:
    """A new database, removed with the test."""
    database = couch.database(namespace)
    await database.create()
    yield database
    with suppress(NotFound):
        await database.destroy()
