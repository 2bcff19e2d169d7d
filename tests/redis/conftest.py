"""Servers that refuse, for the tests of errors."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

# Here as well as in the plugin, so that these tests run without it.
from datapatterns.testing.plugin import (  # noqa: F401 - fixtures are found by their names
    fault_proxy,
    redis_cluster,
    redis_sentinel,
    redis_server,
    redis_url,
    valkey_server,
)
from datapatterns.testing.servers.redis import RedisServer

PASSWORD = "secret-password"


@pytest.fixture(scope="module")
def full_server() -> Iterator[RedisServer]:
    """Yield a server that has used up its memory from the start."""
    with RedisServer(config=("--maxmemory", "1", "--maxmemory-policy", "noeviction")) as server:
        yield server


@pytest.fixture(scope="module")
def guarded_server() -> Iterator[RedisServer]:
    """Yield a server with a password, a user without permissions, and one for scripts only."""
    users = (
        "--user", "nobody", "on", f">{PASSWORD}", "~*", "-@all", "+client", "+hello", "+ping",
        "--user", "half", "on", f">{PASSWORD}", "~*", "-@all", "+client", "+hello", "+ping",
        "+eval", "+evalsha", "+get", "+hget", "+time",
    )  # fmt: skip
    with RedisServer(config=("--requirepass", PASSWORD, *users)) as server:
        yield server
