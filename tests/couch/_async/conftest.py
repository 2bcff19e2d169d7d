"""The clients over which the CouchDB patterns are tested."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import httpx
import httpx2
import pytest

from datapatterns.couch import AsyncCouch, AsyncDatabase
from datapatterns.couch._async.backend import AsyncBackend
from datapatterns.couch.http.paths import database_name
from datapatterns.errors import NotFound
from datapatterns.testing.conformance.aio import AsyncTarget
from datapatterns.testing.servers import couch_at_hand

# Over which clients a class of the conformance suite runs: every kind of client, but not every test
# over each of them. "url" is the client that a store makes from its URL; it serves all others.
CLIENTS = {
    "TestRepository": ["httpx2", "httpx"],
    "TestPages": ["httpx"],
    "TestChangesFeed": ["url", "httpx"],
    "TestChangesWorker": ["httpx2"],
}


class AsyncLent(AsyncBackend):
    """A backend over a lent HTTP client."""

    def __init__(self, client: Any, namespace: str) -> None:
        self.couch = AsyncCouch(client)
        self._namespace = namespace


@pytest.fixture
def namespace() -> str:
    """A namespace of the test's own."""
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


class AsyncCouchTarget(AsyncTarget):
    """A store in `namespace`, and the URL of its server."""

    url: str
    namespace: str

    async def write_foreign_fields(
        self, collection: str, id: str, fields: Mapping[str, Any]
    ) -> None:
        """Write the document's next revision."""
        async with AsyncCouch(self.url) as couch:
            database = couch.database(database_name(self.namespace, collection))
            await database.put(id, {**await database.get(id), **fields})


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run some classes of the conformance suite over other clients than the rest."""
    if "target" in metafunc.fixturenames:
        clients = CLIENTS.get(getattr(metafunc.cls, "__name__", ""), ["url"])
        metafunc.parametrize("target", clients, indirect=True)


@pytest.fixture
async def target(
    request: pytest.FixtureRequest,
    couch_server: couch_at_hand.Couch,
    namespace: str,
    lend: Callable[..., Any],
) -> AsyncIterator[AsyncCouchTarget]:
    """A store with an empty namespace, over each kind of client."""
    kind = os.environ.get("DATAPATTERNS_COUCH_CLIENT", request.param)  # for all of the suite
    if kind == "url":
        store = AsyncCouchTarget.from_url(f"couch+{couch_server.url}", namespace=namespace)
    else:
        library = httpx2 if kind == "httpx2" else httpx
        store = AsyncCouchTarget(AsyncLent(lend(library), namespace))
    store.url, store.namespace = couch_server.url, namespace
    async with store:
        yield store


@pytest.fixture
async def couch(couch_server: couch_at_hand.Couch) -> AsyncIterator[AsyncCouch]:
    """A client of the server."""
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
