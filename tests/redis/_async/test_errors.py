"""Refusals of the server: the right error, no change, and no secrets in messages."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from redis import exceptions as driver

from datapatterns import (
    AsyncStore,
    BadGateway,
    DataCorrupted,
    DataError,
    Forbidden,
    OutcomeUnknown,
    TimedOut,
    Unauthorized,
    Unavailable,
)
from datapatterns.redis.wire.errors import redis_errors, translate
from datapatterns.testing.servers.redis import HOST, RedisServer, SentinelServers, free_port

NAME, SUBJECT, PASSWORD = "secret-name", "secret-subject", "secret-password"
Call = Callable[[AsyncStore], Awaitable[Any]]

WRITES: dict[str, Call] = {
    "increment": lambda store: store.counter(NAME).increment(7070),
    "increment once": lambda store: store.counter(NAME).increment(7070, op_id=SUBJECT),
    "reset": lambda store: store.counter(NAME).reset(),
    "add": lambda store: store.calendar_counter(NAME).add(SUBJECT, 7070),
    "add once": lambda store: store.calendar_counter(NAME).add(SUBJECT, 7070, op_id=SUBJECT),
    "hit": lambda store: store.rate_limiter(NAME, limit=3, window=60).hit(SUBJECT),
    "hit fixed": lambda store: store.rate_limiter(NAME, limit=3, window=60, algorithm="fixed").hit(
        SUBJECT
    ),
    "hit gcra": lambda store: store.rate_limiter(NAME, limit=3, window=60, algorithm="gcra").hit(
        SUBJECT
    ),
    "acquire": lambda store: store.concurrency_limiter(NAME, limit=3, lease=60).acquire(SUBJECT),
}
READS: dict[str, Call] = {
    "value": lambda store: store.counter(NAME).value(),
    "read": lambda store: store.calendar_counter(NAME).read(SUBJECT, "total"),
    "peek": lambda store: store.rate_limiter(NAME, limit=3, window=60).peek(SUBJECT),
}
CALLS = {**WRITES, **READS}
CHANGES = [call for call in WRITES if call != "reset"]  # resetting nothing writes nothing


async def refused(kind: type[DataError], call: Call, store: AsyncStore) -> DataError:
    """Return the error of a call, of exactly this class, after checking that it holds no secret."""
    with pytest.raises(kind) as raised:
        await call(store)
    error = raised.value
    assert type(error) is kind
    assert isinstance(error.__cause__, Exception)
    problem = error.problem(debug=True)
    problem.pop("instance", None)  # a random id, in which any digits may occur
    shown = f"{error} {error!r} {problem} {error.headers}"
    for secret in (NAME, SUBJECT, PASSWORD, "7070", "dp:", HOST, "{"):
        assert secret not in shown.replace("{'", "").replace(" {", "")
    return error


@pytest.fixture
async def store(connect: Any, namespace: str, lent: Any) -> Callable[..., Awaitable[AsyncStore]]:
    """Return `store(server, **options)`, which makes a store over a client of that server."""

    async def store(server: Any, **options: Any) -> AsyncStore:
        return AsyncStore(lent(await connect(server, **options), namespace))

    return store


@pytest.mark.parametrize("call", CALLS)
async def test_another_type_is_corrupted(
    redis_server: RedisServer, valkey_server: RedisServer, store: Any, namespace: str, call: str
) -> None:
    """With another type at any of its keys, a call raises DataCorrupted and changes nothing."""
    for server in (redis_server, valkey_server):
        one = await store(server)
        if call in WRITES:
            await CALLS[call](one)
        else:
            await one.counter(NAME).increment()
            await one.calendar_counter(NAME).add(SUBJECT)
            await one.rate_limiter(NAME, limit=3, window=60).hit(SUBJECT)
        keys = [key for key in server.ask("KEYS", "*").split("\n") if namespace in key]
        wrong = 0
        for key in keys:
            server.ask("RENAME", key, "kept")
            kind = server.ask("TYPE", "kept")
            server.ask("LPUSH", key, "x") if kind != "+list" else server.ask("SET", key, "x")
            before = _everything(server, namespace)
            try:
                await CALLS[call](one)
            except DataCorrupted:
                wrong += 1
                assert _everything(server, namespace) == before
            server.ask("RENAME", "kept", key)
        assert wrong >= 1 or call == "reset"
        server.ask("FLUSHALL")


def _everything(server: RedisServer, namespace: str) -> dict[str, str]:
    keys = [key for key in server.ask("KEYS", "*").split("\n") if namespace in key]
    return {key: server.ask("DUMP", key) for key in keys}


async def test_a_stored_text_is_no_number(redis_server: RedisServer, store: Any) -> None:
    """A counter with a stored text is DataCorrupted for every call, and stays."""
    one = await store(redis_server)
    await one.counter(NAME).increment()
    key = next(key for key in redis_server.ask("KEYS", "*").split("\n") if NAME in key)
    redis_server.ask("SET", key, "many")
    for call in ("value", "increment", "increment once", "reset"):
        await refused(DataCorrupted, CALLS[call], one)
    assert redis_server.ask("GET", key) == "many"


@pytest.mark.parametrize("call", CHANGES)
async def test_out_of_memory_is_unavailable(
    full_server: RedisServer, store: Any, call: str
) -> None:
    """A server at its limit of memory refuses writes; nothing is stored."""
    one = await store(full_server)
    await refused(Unavailable, WRITES[call], one)
    assert full_server.ask("DBSIZE") == ":0"


@pytest.mark.parametrize("call", CHANGES)
async def test_a_replica_is_unavailable(
    redis_sentinel: SentinelServers, store: Any, call: str
) -> None:
    """A read-only replica refuses writes."""
    one = await store(redis_sentinel.replica)
    await refused(Unavailable, WRITES[call], one)


@pytest.mark.parametrize("call", CALLS)
async def test_credentials(guarded_server: RedisServer, store: Any, call: str) -> None:
    """A wrong or missing password is Unauthorized, a missing permission Forbidden."""
    await refused(Unauthorized, CALLS[call], await store(guarded_server))
    wrong = await store(guarded_server, password="wrong" + PASSWORD)
    await refused(Unauthorized, CALLS[call], wrong)
    reader = {"username": "nobody", "password": PASSWORD}
    await refused(Forbidden, CALLS[call], await store(guarded_server, **reader))
    half = {"username": "half", "password": PASSWORD}
    if call in CHANGES:
        await refused(Forbidden, CALLS[call], await store(guarded_server, **half))


@pytest.mark.parametrize("call", CALLS)
async def test_a_server_that_is_gone_is_unavailable(store: Any, call: str) -> None:
    """A port without a server is Unavailable."""

    class Gone:
        port = free_port()

    retry = {"socket_timeout": 1.0, "socket_connect_timeout": 1.0}
    await refused(Unavailable, CALLS[call], await store(Gone, **retry))


async def test_a_replica_without_its_master_is_unavailable(store: Any) -> None:
    """MASTERDOWN is Unavailable, also for reads."""
    config = ("--replicaof", f"{HOST} {free_port()}", "--replica-serve-stale-data", "no")
    with RedisServer(config=config) as server:
        one = await store(server)
        for call in ("value", "increment", "hit"):
            await refused(Unavailable, CALLS[call], one)


async def test_a_cluster_without_slots_is_unavailable(store: Any) -> None:
    """CLUSTERDOWN is Unavailable."""
    with RedisServer(config=("--cluster-enabled", "yes")) as server:
        one = await store(server)
        for call in ("value", "increment", "hit"):
            await refused(Unavailable, CALLS[call], one)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (driver.BusyLoadingError("Redis is loading the dataset in memory"), Unavailable),
        (driver.ConnectionError("max number of clients reached"), Unavailable),
        (driver.ResponseError("MISCONF Redis is configured to save RDB snapshots"), Unavailable),
        (driver.ResponseError("NOREPLICAS Not enough good replicas to write."), Unavailable),
        (driver.ResponseError("BUSY Redis is busy running a script."), Unavailable),
        (driver.ResponseError("WRONGTYPE Operation against a key"), DataCorrupted),
        (
            driver.ResponseError(
                "ERR Error running script (call to f_1f): @user_script:3: WRONGTYPE Operation"
                " against a key holding the wrong kind of value"
            ),
            DataCorrupted,
        ),
        (
            driver.ResponseError(
                "Error running script (call to f_1f): @user_script:3: @user_script: 3: -OOM command"
                " not allowed when used memory > 'maxmemory'."
            ),
            Unavailable,
        ),
        (
            driver.ResponseError(
                "ERR The user executing the script can't run this command or subcommand"
            ),
            Forbidden,
        ),
        (driver.ResponseError("ERR something new"), BadGateway),
        (driver.TimeoutError("Timeout reading from socket"), OutcomeUnknown),
        (driver.ConnectionError("Connection closed by server."), OutcomeUnknown),
        (driver.InvalidResponse("Protocol Error"), OutcomeUnknown),
        (TimeoutError(), OutcomeUnknown),
        (OSError(104, "Connection reset by peer"), OutcomeUnknown),
    ],
)
def test_replies_that_a_test_cannot_provoke(error: Exception, kind: type[DataError]) -> None:
    """Each error of the driver gives the error of the table, also in the texts of Redis 6.2."""
    assert type(translate(error, sent=True)) is kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (driver.TimeoutError("Timeout connecting to server"), TimedOut),
        (driver.ConnectionError("Error 111 connecting"), Unavailable),
        (driver.InvalidResponse("Protocol Error"), BadGateway),
        (TimeoutError(), TimedOut),
    ],
)
def test_losses_before_anything_was_sent(error: Exception, kind: type[DataError]) -> None:
    """A loss before a command was sent, or of a read, is not OutcomeUnknown."""
    assert type(translate(error)) is kind


WRITING = "def send_packed_command(): None.writelines\nsend_packed_command()"
READING = "def read_response(): None.readline\nread_response()"
DRIVER = os.path.join("redis", "asyncio", "connection.py")


def test_a_closed_transport() -> None:
    """An error of writing over a closed connection is Unavailable; other errors pass unchanged."""
    closed = [
        compile("raise TypeError", os.path.join("asyncio", "selector_events.py"), "exec"),
        compile(WRITING, DRIVER, "exec"),
    ]
    for code in closed:
        with pytest.raises(Unavailable), redis_errors(sent=True):
            exec(code, {})
    with pytest.raises(AttributeError), redis_errors(sent=True):
        exec(compile(READING, DRIVER, "exec"), {})
    for kind in (AttributeError, TypeError):
        with pytest.raises(kind), redis_errors(sent=True):
            raise kind
