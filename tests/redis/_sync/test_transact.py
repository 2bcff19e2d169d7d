# Generated from tests/redis/_async/test_transact.py by scripts/unasync.py; do not edit.
"""Optimistic transactions: bounded, exact, and OutcomeUnknown after a lost EXEC."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from redis.backoff import NoBackoff
from redis.retry import Retry

from datapatterns import Conflict, DataCorrupted, InvalidArgument, OutcomeUnknown, Unavailable
from datapatterns.redis import transact
from datapatterns.testing._sync.concurrently import concurrently
from datapatterns.testing.faults.proxy import FaultProxy
from datapatterns.testing.servers.redis import HOST, RedisServer
from datapatterns.testing.waiting import PATIENCE


def adding(key: str) -> Any:
    """Return a step that reads a number and queues the next one."""

    def add(pipe: Any) -> None:
        value = int(pipe.get(key) or 0)
        pipe.multi()
        pipe.set(key, value + 1)
        pipe.get(key)

    return add


def test_it_returns_what_exec_returned(client: Any, namespace: str) -> None:
    """The results are those of the queued commands, in order."""
    key = f"{{{namespace}}}n"
    for value in (1, 2, 3):
        done, read = transact(client, [key], adding(key))
        assert done
        assert int(read) == value


def test_ten_at_once_all_succeed(client: Any, namespace: str) -> None:
    """Ten concurrent transactions all succeed, after repetitions."""
    key = f"{{{namespace}}}n"

    def add(_: int) -> None:
        transact(client, [key], adding(key), deadline=PATIENCE)

    concurrently(add, [(turn,) for turn in range(10)])
    assert int(client.get(key)) == 10


def test_it_gives_up(client: Any, namespace: str) -> None:
    """After `attempts`, or at the deadline, the transaction raises Conflict (`contention`)."""
    key = f"{{{namespace}}}n"
    calls: list[float] = []

    def disturbed(pipe: Any) -> None:
        calls.append(time.monotonic())
        client.incr(key)
        pipe.multi()
        pipe.set(key, "mine")

    with pytest.raises(Conflict) as raised:
        transact(client, [key], disturbed, attempts=4, deadline=PATIENCE)
    assert raised.value.reason == "contention"
    assert len(calls) == 4
    begun = time.monotonic()
    with pytest.raises(Conflict):
        transact(client, [key], disturbed, attempts=10**9, deadline=0.3)
    assert time.monotonic() - begun < PATIENCE
    assert int(client.get(key)) == len(calls)


@pytest.mark.parametrize("retry", [0, 5])
def test_a_lost_exec_is_unknown(
    redis_server: RedisServer,
    fault_proxy: Callable[[str, int], FaultProxy],
    connect: Any,
    retry: int,
) -> None:
    """A transaction with a lost reply was executed once and raises OutcomeUnknown."""
    redis_server.ask("DEL", "n")
    proxy = fault_proxy(HOST, redis_server.port)
    client = connect(proxy, retry=Retry(NoBackoff(), retry))
    proxy.lose_reply(to=b"EXEC")
    with pytest.raises(OutcomeUnknown):
        transact(client, ["n"], adding("n"))
    assert proxy.lost == 1
    assert redis_server.ask("GET", "n") == "1"


def test_a_connection_lost_before_exec_is_harmless(
    redis_server: RedisServer, fault_proxy: Callable[[str, int], FaultProxy], connect: Any
) -> None:
    """A loss before EXEC starts the transaction over, and is never OutcomeUnknown."""
    redis_server.ask("DEL", "n")
    proxy = fault_proxy(HOST, redis_server.port)
    client = connect(proxy)
    proxy.lose_reply(to=b"GET")
    done, read = transact(client, ["n"], adding("n"))
    assert done
    assert int(read) == 1
    for _ in range(3):
        proxy.lose_reply(to=b"GET")
    with pytest.raises(Unavailable):
        transact(client, ["n"], adding("n"), attempts=2)
    assert redis_server.ask("GET", "n") == "1"


def test_the_callers_errors_are_its_own(client: Any, namespace: str) -> None:
    """The caller's exceptions pass unchanged; nothing is written, no connection is lost."""
    key = f"{{{namespace}}}n"

    def fails(pipe: Any) -> None:
        pipe.multi()
        pipe.set(key, 1)
        raise OSError("the caller's")

    for _ in range(5):
        with pytest.raises(OSError, match="the caller's"):
            transact(client, [key], fails)
    assert client.get(key) is None
    assert (transact(client, [key], adding(key)))[0]


def test_what_cannot_be_undone_is_said(client: Any, namespace: str) -> None:
    """If some commands of EXEC fail it is OutcomeUnknown; if all fail it is their error."""
    key, other = f"{{{namespace}}}n", f"{{{namespace}}}list"
    client.rpush(other, "x")

    def half(pipe: Any) -> None:
        pipe.multi()
        pipe.set(key, 1)
        pipe.incr(other)

    def none(pipe: Any) -> None:
        pipe.multi()
        pipe.incr(other)

    with pytest.raises(OutcomeUnknown):
        transact(client, [key], half)
    assert int(client.get(key)) == 1
    with pytest.raises(DataCorrupted):
        transact(client, [key], none)


def test_what_would_not_be_safe_is_refused(client: Any, namespace: str) -> None:
    """A step that unwatches or executes is refused."""
    key = f"{{{namespace}}}n"

    def unwatches(pipe: Any) -> None:
        pipe.unwatch()

    with pytest.raises(InvalidArgument):
        transact(client, [], adding(key))
    with pytest.raises(InvalidArgument):
        transact(client, [key], unwatches)
