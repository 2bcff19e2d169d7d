"""Commands that change something are sent once, whatever the client and the fault."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as LostConnection
from redis.exceptions import TimeoutError as LostReply

from datapatterns import OutcomeUnknown, TimedOut, Unavailable
from datapatterns.redis.wire._async.commands import read, write
from datapatterns.testing._async.concurrently import concurrently
from datapatterns.testing.faults.proxy import FaultProxy
from datapatterns.testing.servers.redis import (
    HOST,
    RedisClusterServers,
    RedisServer,
    SentinelServers,
)
from datapatterns.testing.waiting import async_eventually, eventually

Proxy = Callable[[str, int], FaultProxy]

EAGER: dict[str, Any] = {"retry": Retry(NoBackoff(), 5), "retry_on_error": [LostConnection]}
SETUPS: dict[str, dict[str, Any]] = {
    "one-try": {},
    "resp3": {"protocol": 3},
    "decoded": {"decode_responses": True},
    "eager": EAGER,
    "one-connection": {"single_connection_client": True},
    "health-check": {"health_check_interval": 1},
}


@pytest.fixture
def server(redis_server: RedisServer) -> RedisServer:
    """Return an empty server."""
    redis_server.ask("FLUSHALL")
    return redis_server


async def connected(client: Any) -> None:
    """Wait until the client is connected, which may take longer than its time limits."""

    async def answered() -> bool:
        with suppress(LostConnection, LostReply):
            return bool(await client.ping())
        return False

    await async_eventually(answered)


@pytest.mark.parametrize("setup", SETUPS)
@pytest.mark.parametrize("silent", [False, True])
async def test_a_lost_reply_is_never_a_second_effect(
    server: RedisServer, fault_proxy: Proxy, connect: Any, setup: str, silent: bool
) -> None:
    """The counter stands at 1, and the caller is told that the outcome is unknown."""
    proxy = fault_proxy(HOST, server.port)
    client = await connect(proxy, **{**SETUPS[setup], "socket_timeout": 0.5})
    await connected(client)
    proxy.lose_reply(to=b"INCR", silent=silent)
    with pytest.raises(OutcomeUnknown):
        await write(client, "INCR", b"n", key=b"n")
    await async_eventually(lambda: proxy.lost == 1)
    assert server.ask("GET", "n") == "1"
    assert await write(client, "INCR", b"n", key=b"n") == 2
    assert await read(client, "GET", b"n") == b"2"


async def test_the_driver_alone_would_have_done_it_twice(
    server: RedisServer, fault_proxy: Proxy, connect: Any
) -> None:
    """With the same fault, the client's own method has its effect twice."""
    proxy = fault_proxy(HOST, server.port)
    client = await connect(proxy, **EAGER)
    await client.ping()
    proxy.lose_reply(to=b"INCR")
    assert await client.incr("n") == 2


async def test_every_reply_in_turn(
    server: RedisServer, fault_proxy: Proxy, connect: Any, figures: Callable[..., None]
) -> None:
    """With the reply of each of 40 commands lost in turn, every count is exact."""
    proxy = fault_proxy(HOST, server.port)
    client = await connect(proxy, **EAGER)
    for turn in range(40):
        server.ask("DEL", "n")
        proxy.lose_reply(to=b"INCR", skip=turn)
        unknown = 0
        for _ in range(40):
            try:
                await write(client, "INCR", b"n", key=b"n")
            except OutcomeUnknown:
                unknown += 1
        assert unknown == 1
        assert server.ask("GET", "n") == "40"
    figures("redis: replies of a write lost in turn", lost=proxy.lost, doubled=0)


async def test_reads_are_tried_again(server: RedisServer, fault_proxy: Proxy, connect: Any) -> None:
    """Reads are sent again by the client's own retries."""
    proxy = fault_proxy(HOST, server.port)
    client = await connect(proxy, **EAGER)
    server.ask("SET", "n", 5)
    proxy.lose_reply(to=b"GET")
    assert await read(client, "GET", b"n") == b"5"
    assert proxy.lost == 1


async def test_an_unreachable_server_is_unavailable(
    server: RedisServer, fault_proxy: Proxy, connect: Any
) -> None:
    """With no server nothing is sent: Unavailable; when it is back, calls succeed."""
    proxy = fault_proxy(HOST, server.port)
    client = await connect(proxy)
    await write(client, "INCR", b"n", key=b"n")
    proxy.refuse()
    await asyncio.sleep(0.05)  # an event loop has to hear of it
    with pytest.raises(Unavailable):
        await write(client, "INCR", b"n", key=b"n")
    with pytest.raises(Unavailable):
        await read(client, "GET", b"n")
    proxy.listen()
    assert await write(client, "INCR", b"n", key=b"n") == 2


async def test_a_server_that_does_not_take_connections_times_out(
    server: RedisServer, fault_proxy: Proxy, connect: Any
) -> None:
    """Without an answer to the handshake nothing was sent: TimedOut, not OutcomeUnknown."""
    proxy = fault_proxy(HOST, server.port)
    proxy.black_hole()
    client = await connect(proxy, protocol=3, socket_timeout=0.3, retry=Retry(NoBackoff(), 0))
    with pytest.raises(TimedOut) as raised:
        await write(client, "INCR", b"n", key=b"n")
    assert not isinstance(raised.value, OutcomeUnknown)
    proxy.black_hole(False)
    assert server.ask("GET", "n") == "$-1"


async def test_a_restarted_server_is_met_again(connect: Any) -> None:
    """A pooled connection that the server has closed is not used."""
    with RedisServer() as server:
        client = await connect(server)
        await write(client, "INCR", b"n", key=b"n")
        server.stop()
        await asyncio.sleep(0.05)  # an event loop has to hear of it
        with pytest.raises(Unavailable):
            await write(client, "INCR", b"n", key=b"n")
        server.start()
        assert await write(client, "INCR", b"n", key=b"n") == 1


async def test_a_frozen_server_leaves_the_outcome_unknown(connect: Any) -> None:
    """A stopped server may execute the command later, and does: OutcomeUnknown."""
    with RedisServer() as server:
        client = await connect(server, socket_timeout=2.0)
        await connected(client)
        server.ask("INCR", "n")
        server.pause()
        with pytest.raises(OutcomeUnknown):
            await write(client, "INCR", b"n", key=b"n")
        server.resume()
        eventually(lambda: server.ask("GET", "n") == "2", "the frozen server to go on")


async def test_more_callers_than_connections_wait(server: RedisServer, connect: Any) -> None:
    """A pool that raises when it is used up, or blocks, serves any number of callers."""
    small = await connect(server, max_connections=2)
    blocking: Any = BlockingConnectionPool(host=HOST, port=server.port, max_connections=2)
    pooled = Redis.from_pool(blocking)
    for client in (small, pooled):
        server.ask("DEL", "n")
        await concurrently(_increment, [(client,) for _ in range(100)])
        assert server.ask("GET", "n") == "100"
    await pooled.aclose()


async def _increment(client: Any) -> None:
    await write(client, "INCR", b"n", key=b"n")
    await read(client, "GET", b"n")


async def test_the_lent_client_stays_as_it_was(server: RedisServer, connect: Any) -> None:
    """The client stays open, its pool has its connections back, and its retries are unchanged."""
    client = await connect(server, **EAGER)
    retry = client.connection_pool.connection_kwargs["retry"]
    await write(client, "INCR", b"n", key=b"n")
    pool = client.connection_pool
    assert pool.connection_kwargs["retry"] is retry
    assert (len(pool._available_connections), len(pool._in_use_connections)) == (1, 0)
    assert pool._available_connections[0].retry._retries == retry._retries
    assert await client.ping()


async def test_a_cluster_is_followed(redis_cluster: RedisClusterServers, connect: Any) -> None:
    """A client with wrong slots updates them; each command runs once."""
    client = await connect(redis_cluster)
    await client.ping()
    slots = client.nodes_manager.slots_cache
    wrong = slots[0]
    for slot in list(slots):
        slots[slot] = wrong
    for letter in "abcdefgh":
        key = f"{{{letter}}}follow".encode()
        await write(client, "DEL", key, key=key)
        assert await write(client, "INCR", key, key=key) == 1


async def test_a_slot_on_the_move_is_followed(connect: Any) -> None:
    """After ASK or TRYAGAIN each command runs once, on the right node."""
    with RedisClusterServers() as cluster:
        client = await connect(cluster)
        source = cluster.node_of("x")
        target = next(node for node in cluster.nodes if node is not source)
        slot = int(source.ask("CLUSTER", "KEYSLOT", "x")[1:])
        names = {node: node.ask("CLUSTER", "MYID") for node in (source, target)}
        assert await write(client, "INCR", b"{x}old", key=b"{x}old") == 1
        target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", names[source])
        source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", names[target])
        assert await write(client, "INCR", b"{x}old", key=b"{x}old") == 2
        assert await write(client, "INCR", b"{x}new", key=b"{x}new") == 1
        assert await write(client, "INCR", b"{x}new", key=b"{x}new") == 2
        with pytest.raises(Unavailable):
            await write(client, "MSET", b"{x}old", b"9", b"{x}new", b"9", key=b"{x}old")
        source.ask("MIGRATE", HOST, target.port, "{x}old", 0, 5000)
        for node in (target, source):
            node.ask("CLUSTER", "SETSLOT", slot, "NODE", names[target])
        assert await write(client, "INCR", b"{x}old", key=b"{x}old") == 3
        assert await write(client, "INCR", b"{x}new", key=b"{x}new") == 3


async def test_a_lost_reply_of_a_cluster_is_never_a_second_effect(
    redis_cluster: RedisClusterServers, fault_proxy: Proxy, connect: Any
) -> None:
    """The cluster client's own retries do not apply either."""
    proxies = {node.port: fault_proxy(HOST, node.port) for node in redis_cluster.nodes}
    client = await connect(
        redis_cluster, address_remap=lambda at: (HOST, proxies[at[1]].port), socket_timeout=5.0
    )
    for letter in "abcdef":
        key = f"{{{letter}}}lost".encode()
        await write(client, "DEL", key, key=key)
        for proxy in proxies.values():
            proxy.forget_losses()
            proxy.lose_reply(to=b"INCR")
        with pytest.raises(OutcomeUnknown):
            await write(client, "INCR", key, key=key)
        for proxy in proxies.values():
            proxy.forget_losses()
        assert await read(client, "GET", key) == b"1"


async def test_a_lost_node_is_unavailable(connect: Any) -> None:
    """With one node lost, its keys are Unavailable and those of the others can be changed."""
    with RedisClusterServers() as cluster:
        client = await connect(cluster, socket_timeout=2.0)
        for letter in "abcdef":
            await write(client, "INCR", f"{{{letter}}}".encode(), key=f"{{{letter}}}".encode())
        lost = cluster.node_of("{a}")
        lost.stop()
        await asyncio.sleep(0.05)
        for letter in "abcdef":
            key = f"{{{letter}}}"
            if cluster.node_of(key) is lost if lost is not cluster.nodes[0] else letter == "a":
                with pytest.raises(Unavailable):
                    await write(client, "INCR", key.encode(), key=key.encode())
                break


async def test_a_failover_is_followed(connect: Any, figures: Callable[..., None]) -> None:
    """Sentinels name the next master; meanwhile all errors are retryable."""
    make: Any = Sentinel
    with SentinelServers() as servers:
        sentinel = make([(HOST, servers.sentinel.port)], socket_timeout=2.0)
        client = sentinel.master_for(servers.SERVICE, socket_timeout=2.0)
        assert await write(client, "INCR", b"n", key=b"n") == 1
        servers.sentinel.ask("SENTINEL", "FAILOVER", servers.SERVICE)
        counted = refused = 0
        ends = time.monotonic() + 60
        # Until Sentinel has told the old master, that one takes writes as well.
        while client.connection_pool.master_address != (HOST, servers.replica.port):
            assert time.monotonic() < ends
            try:
                await write(client, "INCR", b"n", key=b"n")
                counted += 1
            except (Unavailable, TimedOut):  # among them OutcomeUnknown
                refused += 1
            await asyncio.sleep(0.005)
        await write(client, "SET", b"after", b"1", key=b"after")
        assert servers.replica.ask("GET", "after") == "1"
        figures("redis: a failover", counted=counted, refused=refused)
        for one in (client, *sentinel.sentinels):
            await one.aclose()
