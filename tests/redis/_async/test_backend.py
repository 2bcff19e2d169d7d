"""The store's URLs: one server, Valkey's scheme, a cluster, Sentinels, and bad ones."""

from __future__ import annotations

from typing import Any

import pytest

from datapatterns import AsyncStore, Closed, InvalidArgument, Unauthorized, Unavailable
from datapatterns.redis import async_transact
from datapatterns.redis.wire.urls import parse_url
from datapatterns.testing.conformance.samples import Person
from datapatterns.testing.servers.redis import (
    HOST,
    RedisClusterServers,
    RedisServer,
    SentinelServers,
    free_port,
)
from datapatterns.testing.waiting import async_eventually


@pytest.fixture(params=["redis", "valkey", "resp2", "cluster", "sentinel"])
def url(request: pytest.FixtureRequest) -> str:
    """Return a URL of each kind."""
    if request.param == "cluster":
        return request.getfixturevalue("redis_cluster").url
    if request.param == "sentinel":
        return request.getfixturevalue("redis_sentinel").url
    server: RedisServer = request.getfixturevalue("redis_server")
    if request.param == "valkey":
        return server.url.replace("redis:", "valkey:")
    return server.url + ("?protocol=2&socket_timeout=3" if request.param == "resp2" else "")


async def test_a_url_is_a_store(url: str, namespace: str) -> None:
    """A store of each URL answers, its patterns work, and closing leaves nothing open."""
    async with AsyncStore.from_url(url, namespace=namespace) as store:
        await store.ping()
        assert store.capabilities.backend == "redis"
        assert await store.counter("hits").increment() == 1
        assert (await store.rate_limiter("api", limit=1, window=60).hit("ann")).allowed
        assert (await store.calendar_counter("visits").add("ann"))["total"] == 1
        assert await store.concurrency_limiter("jobs", limit=1, lease=60).acquire("ann")
        with pytest.raises(InvalidArgument):
            store.repository("people", Person, partitioned=True)
    async with AsyncStore.from_url(url, namespace=namespace) as store:
        assert await store.counter("hits").value() == 1
    async with AsyncStore.from_url(url, namespace=namespace + "x") as store:
        assert await store.counter("hits").value() == 0


async def test_a_password_is_never_shown(guarded_server: RedisServer) -> None:
    """A password is neither in an error nor in a repr."""
    address = f"{HOST}:{guarded_server.port}"
    async with AsyncStore.from_url(f"redis://:wrong-password@{address}") as store:
        with pytest.raises(Unauthorized) as raised:
            await store.ping()
        assert "wrong-password" not in f"{raised.value!r} {store!r} {store._backend!r}"
    async with AsyncStore.from_url(f"redis://:secret-password@{address}") as store:
        await store.ping()
    parsed = parse_url("redis+cluster://ann:hush%40@a:1,b/?ssl=true")
    assert parsed.nodes == (("a", 1), ("b", 6379))
    assert parsed.options == {"username": "ann", "password": "hush@", "ssl": True}
    assert "hush" not in repr(parsed)


async def test_a_closed_store_connects_no_more(url: str, namespace: str) -> None:
    """A closed store does not connect, neither for a transaction nor for a lost reader."""
    async with AsyncStore.from_url(url, namespace=namespace) as store:
        backend: Any = store._backend
        emitter: Any = store.emitter("news", heartbeat=0.2)
        await emitter.on("ping", print)
        subscriber = emitter._subscriber
    with pytest.raises(Closed):
        await async_transact(backend.client, [b"{k}"], _nothing)
    with pytest.raises(Closed):
        await emitter.on("pong", print)
    await subscriber._connection.close()  # as the server would
    await async_eventually(lambda: subscriber._running is None)
    await emitter.close()


async def _nothing(_: Any) -> None:
    raise AssertionError("it must not be called")


async def test_nobody_there_is_unavailable() -> None:
    """A server that is not there is Unavailable at the first command."""
    nobody = f"{HOST}:{free_port()}"
    for url in (
        f"redis://{nobody}",
        f"redis+sentinel://{nobody}/mymaster",
        f"redis+cluster://{nobody}",
    ):
        with pytest.raises(Unavailable):
            await _ping(url)


async def _ping(url: str) -> None:
    async with AsyncStore.from_url(url) as store:
        await store.ping()


@pytest.mark.parametrize(
    "url",
    ["redis://", "redis:///0", "redis://host:port", "redis://host:0", "redis://host:70000",
     "redis://host?socket_timeout=soon", "valkey://", "redis+cluster://", "redis+cluster://a:1,",
     "redis+cluster://a:b", "redis+cluster://a?colour=red", "redis+sentinel://a:1",
     "redis+sentinel://a:1/", "redis+sentinel:///mymaster", "redis+sentinel://a/m/db",
     "redis://host/abc", "redis://host/0/1", "redis://host/-1", "redis+cluster://host/1",
     "redis+cluster://host?protocol=7", "redis+sentinel://host/m?socket_timeout=soon"],
)  # fmt: skip
def test_what_is_no_url_is_refused(url: str) -> None:
    """A bad URL is InvalidArgument, which does not quote it."""
    with pytest.raises(InvalidArgument) as raised:
        AsyncStore.from_url(url)
    rest = url.partition("://")[2]
    assert not rest or rest not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "option"),
    [("redis://host?colour=hush", "colour"), ("redis://host?db=hush", "db"),
     ("redis://host?protocol=70", "protocol"), ("redis://host?ssl_cert_reqs=hush", "ssl_cert_reqs"),
     ("rediss://host?ssl_colour=hush", "ssl_colour"), ("redis+cluster://a?colour=hush", "colour"),
     ("redis+sentinel://a/m?colour=hush", "colour")],
)  # fmt: skip
def test_an_option_that_the_url_cannot_have(url: str, option: str) -> None:
    """An unknown option is refused when the store is made: its name is shown, not its value."""
    with pytest.raises(InvalidArgument, match=option) as raised:
        AsyncStore.from_url(url)
    assert "hush" not in str(raised.value)


async def test_sentinels_and_nodes_may_be_several(
    redis_cluster: RedisClusterServers, redis_sentinel: SentinelServers, namespace: str
) -> None:
    """One of several Sentinels or nodes may be out of reach."""
    nobody = f"{HOST}:{free_port()}"
    some: Any = [
        f"redis+cluster://{nobody},{HOST}:{redis_cluster.nodes[1].port}",
        f"redis+sentinel://{nobody},{HOST}:{redis_sentinel.sentinel.port}/mymaster/0",
    ]
    for url in some:
        async with AsyncStore.from_url(url, namespace=namespace) as store:
            assert await store.counter("hits").increment() == 1
