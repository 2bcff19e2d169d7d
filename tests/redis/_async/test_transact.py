"""Optimistic transactions: bounded, exact, and OutcomeUnknown after a lost EXEC."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from datapatterns import Conflict, DataCorrupted, InvalidArgument, OutcomeUnknown, Unavailable
from datapatterns.redis import async_transact
from datapatterns.testing._async.concurrently import concurrently
from datapatterns.testing.faults.proxy import FaultProxy
from datapatterns.testing.servers.redis import HOST, RedisServer
from datapatterns.testing.waiting import PATIENCE


def adding(key: str) -> Any:
    """Return a step that reads a number and queues the next one."""

    async def add(pipe: Any) -> None:
        value = int(await pipe.get(key) or 0)
        pipe.multi()
        pipe.set(key, value + 1)
        pipe.get(key)

    return add


async def test_it_returns_what_exec_returned(client: Any, namespace: str) -> None:
    """The results are those of the queued commands, in order."""
    key = f"{{{namespace}}}n"
    for value in (1, 2, 3):
        done, read = await async_transact(client, [key], adding(key))
        assert done
        assert int(read) == value


async def test_ten_at_once_all_succeed(client: Any, namespace: str) -> None:
    """Ten concurrent transactions all succeed, after repetitions."""
    key = f"{{{namespace}}}n"

    async def add(_: int) -> None:
        await async_transact(client, [key], adding(key), deadline=PATIENCE)

    await concurrently(add, [(turn,) for turn in range(10)])
    assert int(await client.get(key)) == 10


async def test_it_gives_up(client: Any, namespace: str) -> None:
    """After `attempts`, or at the deadline, the transaction raises Conflict (`contention`)."""
    key = f"{{{namespace}}}n"
    calls: list[float] = []

    async def disturbed(pipe: Any) -> None:
        calls.append(time.monotonic())
        await client.incr(key)
        pipe.multi()
        pipe.set(key, "mine")

    with pytest.raises(Conflict) as raised:
        await async_transact(client, [key], disturbed, attempts=4, deadline=PATIENCE)
    assert raised.value.reason == "contention"
    assert len(calls) == 4
    begun = time.monotonic()
    with pytest.raises(Conflict):
        await async_transact(client, [key], disturbed, attempts=10**9, deadline=0.3)
    assert time.monotonic() - begun < PATIENCE
    assert int(await client.get(key)) == len(calls)


@pytest.mark.parametrize("retry", [0, 5])
async def test_a_lost_exec_is_unknown(
    redis_server: RedisServer,
    fault_proxy: Callable[[str, int], FaultProxy],
    connect: Any,
    retry: int,
) -> None:
    """A transaction with a lost reply was executed once and raises OutcomeUnknown."""
    redis_server.ask("DEL", "n")
    proxy = fault_proxy(HOST, redis_server.port)
    client = await connect(proxy, retry=Retry(NoBackoff(), retry))
    proxy.lose_reply(to=b"EXEC")
    with pytest.raises(OutcomeUnknown):
        await async_transact(client, ["n"], adding("n"))
    assert proxy.lost == 1
    assert redis_server.ask("GET", "n") == "1"


async def test_a_connection_lost_before_exec_is_harmless(
    redis_server: RedisServer, fault_proxy: Callable[[str, int], FaultProxy], connect: Any
) -> None:
    """A loss before EXEC starts the transaction over, and is never OutcomeUnknown."""
    redis_server.ask("DEL", "n")
    proxy = fault_proxy(HOST, redis_server.port)
    client = await connect(proxy)
    proxy.lose_reply(to=b"GET")
    done, read = await async_transact(client, ["n"], adding("n"))
    assert done
    assert int(read) == 1
    for _ in range(3):
        proxy.lose_reply(to=b"GET")
    with pytest.raises(Unavailable):
        await async_transact(client, ["n"], adding("n"), attempts=2)
    assert redis_server.ask("GET", "n") == "1"


async def test_the_callers_errors_are_its_own(client: Any, namespace: str) -> None:
    """The caller's exceptions pass unchanged; nothing is written, no connection is lost."""
    key = f"{{{namespace}}}n"

    async def fails(pipe: Any) -> None:
        pipe.multi()
        pipe.set(key, 1)
        raise OSError("the caller's")

    for _ in range(5):
        with pytest.raises(OSError, match="the caller's"):
            await async_transact(client, [key], fails)
    assert await client.get(key) is None
    assert (await async_transact(client, [key], adding(key)))[0]


async def test_what_cannot_be_undone_is_said(client: Any, namespace: str) -> None:
    """If some commands of EXEC fail it is OutcomeUnknown; if all fail it is their error."""
    key, other = f"{{{namespace}}}n", f"{{{namespace}}}list"
    await client.rpush(other, "x")

    async def half(pipe: Any) -> None:
        pipe.multi()
        pipe.set(key, 1)
        pipe.incr(other)

    async def none(pipe: Any) -> None:
        pipe.multi()
        pipe.incr(other)

    with pytest.raises(OutcomeUnknown):
        await async_transact(client, [key], half)
    assert int(await client.get(key)) == 1
    with pytest.raises(DataCorrupted):
        await async_transact(client, [key], none)


async def test_what_would_not_be_safe_is_refused(client: Any, namespace: str) -> None:
    """A step that unwatches or executes is refused."""
    key = f"{{{namespace}}}n"

    async def unwatches(pipe: Any) -> None:
        await pipe.unwatch()

    with pytest.raises(InvalidArgument):
        await async_transact(client, [], adding(key))
    with pytest.raises(InvalidArgument):
        await async_transact(client, [key], unwatches)
