"""The servers and the kinds of client on which the Redis patterns are tested."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import pytest
from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from datapatterns.capabilities import REDIS
from datapatterns.core.codecs import dumps
from datapatterns.redis._async.backend import AsyncBackend
from datapatterns.redis.keys import Keys
from datapatterns.testing.conformance.aio import AsyncTarget
from datapatterns.testing.servers.redis import RedisClusterServers

HOST = "127.0.0.1"

# A target's name -> the fixture with its server, and how its client is set up. Each server, each
# protocol and both ways of decoding come up; every combination of them only when asked for.
TARGETS: dict[str, tuple[str, dict[str, Any]]] = {
    "redis": ("redis_server", {}),
    "valkey-resp3-decoded": ("valkey_server", {"protocol": 3, "decode_responses": True}),
    "cluster-decoded": ("redis_cluster", {"decode_responses": True}),
}
if os.environ.get("DATAPATTERNS_ALL_CLIENTS"):
    TARGETS = {
        f"{server}-resp{protocol}-{'decoded' if decode else 'bytes'}": (
            fixture,
            {"protocol": protocol, "decode_responses": decode},
        )
        for server, fixture in (
            ("redis", "redis_server"),
            ("valkey", "valkey_server"),
            ("cluster", "redis_cluster"),
        )
        for protocol in (2, 3)
        for decode in (False, True)
    }
# So that two runs, on two Pythons, may share the work.
if chosen := os.environ.get("DATAPATTERNS_REDIS_TARGETS"):
    TARGETS = {name: TARGETS[name] for name in chosen.split(",")}

Connect = Callable[..., Awaitable[Any]]


class AsyncLent(AsyncBackend):
    """A backend over a client that somebody else opened and closes."""

    capabilities = REDIS

    def __init__(self, client: Any, namespace: str) -> None:
        self.client = client
        self._namespace = namespace
        self._sentinels = []

    async def close(self) -> None:
        """Leave the client open."""


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Yield `connect(server, **options)`, which returns a client that is closed after the test."""
    clients: list[Any] = []

    async def connect(server: Any, **options: Any) -> Any:
        # The driver's default of ten tries with pauses makes every refused connection slow.
        once = {"retry": Retry(NoBackoff(), 1)}
        options = {"socket_timeout": 10.0, "socket_connect_timeout": 10.0, **once, **options}
        if isinstance(server, RedisClusterServers):
            make: Any = ClusterNode
            nodes = [make(HOST, node.port) for node in server.nodes]
            client: Any = RedisCluster(startup_nodes=nodes, **options)
        else:
            client = Redis(host=HOST, port=server.port, **options)
        clients.append(client)
        return client

    yield connect
    for client in clients:
        await client.aclose()


@pytest.fixture
def namespace() -> str:
    """Return a namespace of its own for the test."""
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def lent() -> type[AsyncLent]:
    """Return `lent(client, namespace)`, which makes a backend over an open client."""
    return AsyncLent


@pytest.fixture(params=TARGETS)
async def client(request: pytest.FixtureRequest, connect: Connect) -> Any:
    """Yield a client of each kind, for each kind of server."""
    server, options = TARGETS[request.param]
    return await connect(request.getfixturevalue(server), **options)


class AsyncRedisTarget(AsyncTarget):
    """A store over the client, in the namespace."""

    def __init__(self, client: Any, namespace: str) -> None:
        super().__init__(AsyncLent(client, namespace))
        self.client, self.namespace = client, namespace

    async def write_foreign_fields(
        self, collection: str, id: str, fields: Mapping[str, Any]
    ) -> None:
        """Set the fields in the document's hash."""
        key = Keys.of(self.namespace, "repository", collection)("doc", id)
        await self.client.hset(key, mapping={name: dumps(value) for name, value in fields.items()})


@pytest.fixture
async def target(client: Any, namespace: str) -> AsyncRedisTarget:
    """Yield a store on an empty namespace."""
    return AsyncRedisTarget(client, namespace)
