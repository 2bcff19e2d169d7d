# Generated from tests/redis/_async/test_emitter_faults.py by scripts/unasync.py; do not edit.
"""Emitters when connections, servers and histories are lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as LostConnection
from redis.exceptions import TimeoutError as LostReply
from redis.retry import Retry
from redis.sentinel import Sentinel

from datapatterns import (
    DataCorrupted,
    DataError,
    Forbidden,
    OutcomeUnknown,
    TimedOut,
    Unauthorized,
    Unavailable,
)
from datapatterns.core.emitter import Gap
from datapatterns.redis._sync.emitter import Emitter
from datapatterns.testing._sync.concurrently import meanwhile
from datapatterns.testing.faults.proxy import FaultProxy
from datapatterns.testing.servers.redis import (
    HOST,
    RedisClusterServers,
    RedisServer,
    SentinelServers,
)
from datapatterns.testing.waiting import PATIENCE, eventually

Proxy = Callable[[str, int], FaultProxy]
Story = list[
    Any
]  # the numbers heard, and the gaps, in the order in which the listeners were called

NO_RETRY = Retry(NoBackoff(), 0)  # the driver's default for reads takes its time
BEAT = 0.5  # seconds between heartbeats, where a test waits for several

each_kind = pytest.mark.parametrize("durable", [False, True], ids=["plain", "durable"])


@contextmanager
def telling(client: Any, namespace: str, **options: Any) -> Generator[tuple[Emitter, Story]]:
    """Return an emitter, and the record of the counts and gaps it received."""
    story: Story = []
    with Emitter(client, namespace=namespace, **options) as events:
        events.on("gap", story.append)
        events.on("count", story.append)
        yield events, story


def emit_until(other: Emitter, number: int, story: Story) -> None:
    """Emit the number until it is received: an event without a listener is lost."""
    ends = time.monotonic() + PATIENCE
    while number not in story:
        assert time.monotonic() < ends, "the emitter did not come back"
        with suppress(DataError):
            other.emit("count", number)
        time.sleep(0.05)


def gaps_of(story: Story) -> list[Gap]:
    """Return the gaps in a record."""
    return [each for each in story if isinstance(each, Gap)]


def unreported(story: Story) -> int:
    """Return how many numbers are missing in a record where no gap was announced."""
    missing, last, announced = 0, -1, False
    for each in story:
        if isinstance(each, Gap):
            announced = True
            continue
        if not announced:
            missing += max(0, each - last - 1)
        last, announced = each, False
    return missing


def kill_readers(server: RedisServer) -> int:
    """Cut the connections of all readers and return how many there were."""
    killed = 0
    for line in server.ask("CLIENT", "LIST").splitlines():
        fields = dict(part.split("=", 1) for part in line.split() if "=" in part)
        reads = fields["cmd"] == "xread" or int(fields["sub"]) or int(fields["psub"])
        if reads or int(fields.get("ssub", 0)):
            server.ask("CLIENT", "KILL", "ID", fields["id"])
            killed += 1
    return killed


@each_kind
@pytest.mark.parametrize("kind", ["redis_server", "valkey_server"])
def test_kills_under_200_events(
    request: pytest.FixtureRequest,
    connect: Any,
    namespace: str,
    figures: Any,
    durable: bool,
    kind: str,
) -> None:
    """Nothing is missing without a gap, nothing comes twice; durable, nothing is missing."""
    server: RedisServer = request.getfixturevalue(kind)
    client = connect(server)
    other = Emitter(client, durable=durable, namespace=namespace)
    kills = 0
    with telling(client, namespace, durable=durable) as (_, story):
        for number in range(200):
            if number % 20 == 10:
                kills += kill_readers(server)
            other.emit("count", number)
            if number % 3 == 0:
                time.sleep(0.002)
        if durable:
            eventually(lambda: 199 in story)
        emit_until(other, 200, story)
    numbers = [each for each in story if not isinstance(each, Gap)]
    assert numbers[: numbers.index(200) + 1] == sorted(set(numbers))
    lost = 201 - len(set(numbers))
    face = "async" if type(other).__name__.startswith("A") else "sync"
    figures(
        f"emitter, {kind}, {face}, {'durable' if durable else 'plain'}, 200 events",
        kills=kills,
        lost=lost,
        unreported=unreported(story),
    )
    assert kills >= 5
    assert unreported(story) == 0
    if durable:
        assert lost == 0
        assert gaps_of(story) == []
    for gap in gaps_of(story):
        assert (gap.events, gap.cause, gap.lost) == (("count",), "connection", None)
        assert 0 <= gap.seconds < PATIENCE


@each_kind
@pytest.mark.parametrize("fault", ["reset", "refuse", "half_open", "black_hole"])
def test_faults_of_the_network(
    redis_server: RedisServer,
    fault_proxy: Proxy,
    connect: Any,
    namespace: str,
    durable: bool,
    fault: str,
) -> None:
    """However the connection ends, the emitter connects again and reports a gap."""
    proxy = fault_proxy(HOST, redis_server.port)
    near = connect(proxy, socket_timeout=1.5)
    other = Emitter(connect(redis_server), durable=durable, namespace=namespace)
    with telling(near, namespace, durable=durable, heartbeat=BEAT) as (_, story):
        other.emit("count", 0)
        eventually(lambda: story)
        before = proxy.connections
        getattr(proxy, fault)()
        for number in range(1, 6):
            other.emit("count", number)
        if fault == "black_hole":
            eventually(lambda: proxy.connections > before)
            proxy.black_hole(False)
        if fault == "refuse":
            proxy.listen()
        if durable:
            eventually(lambda: 5 in story)
        emit_until(other, 6, story)
    assert unreported(story) == 0
    if durable:
        assert story[:7] == list(range(7))
        assert gaps_of(story) == []
    else:
        assert gaps_of(story)
    assert gaps_of(story) == [] or gaps_of(story)[0].events == ("count",)


@each_kind
def test_a_restarted_server(connect: Any, namespace: str, durable: bool) -> None:
    """The emitter waits for the server, and reports what the server lost as a gap."""
    with RedisServer() as server:
        client = connect(server)
        other = Emitter(client, durable=durable, namespace=namespace)
        with telling(client, namespace, durable=durable, heartbeat=BEAT) as (_, story):
            for number in range(3):
                other.emit("count", number)
            eventually(lambda: len(story) == 3)
            server.stop()
            begun = time.monotonic()
            server.start()
            away = time.monotonic() - begun
            emit_until(other, 3, story)
        assert story[:3] == [0, 1, 2]
        assert {gap.cause for gap in gaps_of(story)} == {"history" if durable else "connection"}
        assert isinstance(story[3], Gap)
        assert story[3].seconds >= away


def test_a_delayed_confirmation(
    redis_server: RedisServer, fault_proxy: Proxy, connect: Any, namespace: str, figures: Any
) -> None:
    """With a slow network, an emit that starts right after `on` is heard, 100 of 100."""
    proxy = fault_proxy(HOST, redis_server.port)
    proxy.delay = 0.003
    near = connect(proxy)
    other = Emitter(connect(redis_server), namespace=namespace)
    heard: list[int] = []
    with Emitter(near, namespace=namespace) as events:
        for turn in range(100):
            events.on(f"turn-{turn}", heard.append)
            other.emit(f"turn-{turn}", turn)
            eventually(lambda turn=turn: turn in heard)
    figures("emit right after on, 3 ms of latency", tries=100, heard=len(heard))
    assert heard == list(range(100))


@each_kind
@pytest.mark.parametrize("silent", [False, True])
def test_a_lost_reply_to_emit(
    redis_server: RedisServer,
    fault_proxy: Proxy,
    connect: Any,
    namespace: str,
    durable: bool,
    silent: bool,
) -> None:
    """The caller gets OutcomeUnknown, and no listener receives the event twice."""
    proxy = fault_proxy(HOST, redis_server.port)
    near = connect(proxy, socket_timeout=1.5)
    other = Emitter(near, durable=durable, namespace=namespace)
    with telling(connect(redis_server), namespace, durable=durable) as (_, story):
        other.emit("count", 0)
        for number in range(1, 4):
            proxy.lose_reply(to=b"EVALSHA" if durable else b"PUBLISH", silent=silent)
            with pytest.raises(OutcomeUnknown):
                other.emit("count", number)
        other.emit("count", 4)
        eventually(lambda: 4 in story)
    assert story == [0, 1, 2, 3, 4]


@each_kind
def test_no_server(fault_proxy: Proxy, connect: Any, namespace: str, durable: bool) -> None:
    """Without a server `on` and `emit` are Unavailable and leave no listener; later they work."""
    with RedisServer() as server:
        proxy = fault_proxy(HOST, server.port)
        proxy.refuse()
        client = connect(proxy, retry=NO_RETRY)
        heard: list[Any] = []
        with Emitter(client, durable=durable, namespace=namespace) as events:
            begun = time.monotonic()
            for _ in range(2):
                with pytest.raises(Unavailable):
                    events.on("news", heard.append)
                with pytest.raises(Unavailable):
                    events.wait_for("news", timeout=PATIENCE)
            assert events.listeners("news") == 0
            assert time.monotonic() - begun < PATIENCE / 2
            proxy.listen()
            events.on("news", heard.append)
            events.emit("news", 1)
            eventually(lambda: heard)
        assert heard == [1]


@each_kind
def test_a_server_that_says_nothing(
    redis_server: RedisServer, fault_proxy: Proxy, connect: Any, namespace: str, durable: bool
) -> None:
    """`on` raises TimedOut and leaves nothing behind; earlier listeners go on."""
    proxy = fault_proxy(HOST, redis_server.port)
    near = connect(proxy, socket_timeout=1.5, socket_connect_timeout=1.5, retry=NO_RETRY)
    other = Emitter(connect(redis_server), durable=durable, namespace=namespace)
    options: dict[str, Any] = {"durable": durable, "timeout": 1.5, "heartbeat": BEAT}
    with telling(near, namespace, **options) as (events, story):
        proxy.black_hole()
        with pytest.raises((TimedOut, Unavailable)):
            events.on("news", story.append)
        assert events.listeners("news") == 0
        proxy.black_hole(False)
        emit_until(other, 0, story)


@each_kind
def test_an_outage_while_joining(
    redis_server: RedisServer, fault_proxy: Proxy, connect: Any, namespace: str, durable: bool
) -> None:
    """An `on` whose connection is lost before the confirmation subscribes again and returns."""
    proxy = fault_proxy(HOST, redis_server.port)
    near = connect(proxy)
    other = Emitter(connect(redis_server), durable=durable, namespace=namespace)
    with telling(near, namespace, durable=durable) as (events, _):
        for turn in range(5):
            heard: list[Any] = []
            proxy.lose_reply(to=b"SUBSCRIBE")
            events.on(f"turn-{turn}", heard.append)
            other.emit(f"turn-{turn}", turn)
            eventually(lambda heard=heard: heard)
            assert heard == [turn]


def test_refused_credentials(connect: Any, namespace: str) -> None:
    """A wrong password is Unauthorized and a forbidden channel Forbidden; other listeners go on."""
    with RedisServer() as server:
        server.ask("ACL", "SETUSER", "default", "on", ">secret", "resetpass", ">secret")
        wrong = connect(server, username="default", password="wrong")
        with Emitter(wrong, namespace=namespace) as events:
            with pytest.raises(Unauthorized):
                events.on("news", print)
        right = connect(server, username="default", password="secret")
        allowed = f"&{{{namespace}:emitter:events}}:event:count"
        right.execute_command(
            "ACL", "SETUSER", "ann", "on", ">pw", "~*", "+@all", "resetchannels", allowed
        )
        near = connect(server, username="ann", password="pw")
        with telling(near, namespace) as (events, story):
            with pytest.raises(Forbidden):
                events.on("news", story.append)
            with pytest.raises(Forbidden):
                events.emit("news")
            emit_until(events, 0, story)
            assert events.listeners("news") == 0


def test_a_trimmed_history(
    redis_server: RedisServer, fault_proxy: Proxy, connect: Any, namespace: str
) -> None:
    """Entries trimmed before they were read are a gap; the others come in order."""
    proxy = fault_proxy(HOST, redis_server.port)
    near = connect(proxy)
    other = Emitter(connect(redis_server), durable=True, history=50, namespace=namespace)
    with telling(near, namespace, durable=True) as (_, story):
        other.emit("count", 0)
        eventually(lambda: story)
        proxy.refuse()
        begun = time.monotonic()
        for number in range(1, 1_001):
            other.emit("count", number)
        away = time.monotonic() - begun
        proxy.listen()
        eventually(lambda: 1_000 in story)
        other.emit("count", 1_001)
        eventually(lambda: 1_001 in story)
    gap = story[1]
    assert isinstance(gap, Gap)
    assert (gap.events, gap.cause) == (("count",), "history")
    assert gap.seconds >= away
    tail = story[2:]
    assert 50 <= len(tail) < 400
    assert tail == list(range(tail[0], 1_002))


def test_an_expired_history(redis_server: RedisServer, connect: Any, namespace: str) -> None:
    """A stream that expired after it was read is no gap; a stream always has a time to live."""
    client = connect(redis_server)
    key = f"{{{namespace}:emitter:events}}:stream"
    other = Emitter(client, durable=True, keep=60.0, namespace=namespace)
    with telling(client, namespace, durable=True, heartbeat=BEAT) as (_, story):
        for number in range(3):
            other.emit("count", number)
            assert 0 < client.pttl(key) <= 60_000
            eventually(lambda number=number: number in story)
            if number < 2:
                time.sleep(2 * BEAT)
                redis_server.ask("PEXPIRE", key, 1)
                eventually(lambda: redis_server.ask("EXISTS", key) == ":0")
    assert story == [0, 1, 2]


def test_a_history_lost_while_cut_off(
    redis_server: RedisServer, fault_proxy: Proxy, connect: Any, namespace: str
) -> None:
    """A stream lost while the reader was cut off is a gap, even before the next event."""
    proxy = fault_proxy(HOST, redis_server.port)
    near = connect(proxy)
    client = connect(redis_server)
    other = Emitter(client, durable=True, namespace=namespace)
    with telling(near, namespace, durable=True) as (_, story):
        other.emit("count", 0)
        eventually(lambda: story)
        proxy.refuse()
        other.emit("count", 1)
        client.delete(f"{{{namespace}:emitter:events}}:stream")
        proxy.listen()
        eventually(lambda: len(story) == 2)
        assert isinstance(story[1], Gap)
        other.emit("count", 2)
        eventually(lambda: 2 in story)
    assert len(gaps_of(story)) == 1
    assert story[2] == 2


def test_a_reader_that_lags_behind_a_new_listener(
    redis_server: RedisServer, fault_proxy: Proxy, connect: Any, namespace: str
) -> None:
    """A listener receives nothing that was emitted before its `on`, even if it is read later."""
    proxy = fault_proxy(HOST, redis_server.port)
    near = connect(
        proxy,
        socket_timeout=1.0,
        retry=Retry(NoBackoff(), 3),
        retry_on_error=[LostConnection, LostReply],
    )
    other = Emitter(connect(redis_server), durable=True, namespace=namespace)
    with telling(near, namespace, durable=True, heartbeat=BEAT) as (events, story):
        other.emit("count", 0)
        eventually(lambda: story)
        proxy.half_open()  # the reader does not know yet
        other.emit("news", "old")
        other.emit("count", 1)
        heard: list[Any] = []
        events.on("news", heard.append)
        other.emit("news", "new")
        eventually(lambda: heard)
    assert heard == ["new"]
    assert story == [0, 1]


def test_another_type_at_the_key(redis_server: RedisServer, connect: Any, namespace: str) -> None:
    """A key that is not a stream is DataCorrupted and stays unchanged."""
    client = connect(redis_server)
    key = f"{{{namespace}:emitter:events}}:stream"
    client.set(key, "mine")
    with Emitter(client, durable=True, namespace=namespace) as events:
        with pytest.raises(DataCorrupted):
            events.on("news", print)
        with pytest.raises(DataCorrupted):
            events.emit("news")
        assert events.listeners("news") == 0
    assert redis_server.ask("GET", key) == "mine"


@each_kind
def test_connections(
    redis_server: RedisServer, connect: Any, namespace: str, durable: bool
) -> None:
    """An emitter has one connection while it has listeners, and none otherwise."""
    client = connect(redis_server)

    def readers() -> int:
        return sum(
            "xread" in line or " sub=0 psub=0 " not in line
            for line in redis_server.ask("CLIENT", "LIST").splitlines()
        )

    eventually(lambda: readers() == 0)
    events = Emitter(client, durable=durable, namespace=namespace)
    events.emit("a")
    events.on("gap", print)
    assert readers() == 0
    for event in "abcdefgh":
        events.on(event, lambda _: None)
    eventually(lambda: readers() == 1)
    events.close()
    eventually(lambda: readers() == 0)


@each_kind
def test_round_trips(
    redis_server: RedisServer, connect: Any, namespace: str, durable: bool
) -> None:
    """An emit is one round trip."""
    client = connect(redis_server)
    with Emitter(client, durable=durable, namespace=namespace) as events:
        events.emit("news")

        def commands() -> int:
            stats = client.info("stats")
            return int(stats["total_reads_processed"])

        before = commands()
        for _ in range(50):
            events.emit("news")
        after = commands()
    assert after - before == 51  # its own INFO is one


@each_kind
def test_a_cluster_under_kills(
    redis_cluster: RedisClusterServers, connect: Any, namespace: str, durable: bool
) -> None:
    """On a cluster no event is missing without a gap, and patterns receive what they match."""
    client = connect(redis_cluster)
    other = Emitter(client, durable=durable, namespace=namespace)
    matched: list[Any] = []
    node = redis_cluster.node_of(f"{{{namespace}:emitter:events}}")
    with telling(client, namespace, durable=durable) as (events, story):
        events.on("c*t", lambda payload, event: matched.append(payload))
        events.on("d*t", lambda payload, event: matched.append(event))
        if not durable:
            assert f"{{{namespace}:emitter:events}}" in node.ask("PUBSUB", "SHARDCHANNELS")
        for number in range(60):
            if number % 20 == 10:
                eventually(lambda: kill_readers(node))
            other.emit("count", number)
        emit_until(other, 60, story)
        eventually(lambda: 60 in matched)
    assert unreported(story) == 0
    if durable:
        assert story[:61] == list(range(61))
    numbers = [each for each in story if not isinstance(each, Gap)]
    assert [each for each in matched if each in numbers] == matched


def test_a_cluster_without_sharded_channels(connect: Any, namespace: str) -> None:
    """A cluster before Redis 7 passes every message on to all of its nodes."""
    cluster = RedisClusterServers()
    for node in cluster.nodes:
        for command in ("SPUBLISH", "SSUBSCRIBE"):
            node.config += ("--rename-command", command, "")
    with cluster:
        client = connect(cluster)
        other = Emitter(client, namespace=namespace)
        matched: list[Any] = []
        with telling(client, namespace) as (events, story):
            events.on("c*", lambda payload, event: matched.append(payload))
            for number in range(5):
                other.emit("count", number)
            eventually(lambda: len(story) == len(matched) == 5)
        assert story == matched == list(range(5))


def test_closing_during_an_outage(
    redis_server: RedisServer, fault_proxy: Proxy, connect: Any, namespace: str
) -> None:
    """`close` does not wait for the server, and ends every `on` under way."""
    proxy = fault_proxy(HOST, redis_server.port)
    near = connect(proxy)
    events = Emitter(near, namespace=namespace, timeout=PATIENCE)
    events.on("count", print)
    proxy.black_hole()

    def close() -> None:
        time.sleep(0.2)
        events.close()

    begun = time.monotonic()
    with meanwhile(close):
        with pytest.raises(Unavailable):
            events.on("news", print)
    assert time.monotonic() - begun < PATIENCE / 2


@each_kind
def test_a_failover(namespace: str, durable: bool) -> None:
    """After a failover the emitter reads from the new master and reports the gap."""
    with SentinelServers() as servers:
        make: Any = Sentinel  # the driver's own types are incomplete
        sentinel = make([(HOST, servers.sentinel.port)])
        client = sentinel.master_for(servers.SERVICE, socket_timeout=2.0, retry=NO_RETRY)
        other = Emitter(client, durable=durable, namespace=namespace)
        with telling(client, namespace, durable=durable, heartbeat=BEAT) as (_, story):
            for number in range(5):
                other.emit("count", number)
            eventually(lambda: len(story) == 5)
            if durable:  # what the replica has not got is lost with the master, and would be a gap
                stream = f"{{{namespace}:emitter:events}}:stream"
                eventually(lambda: servers.replica.ask("XLEN", stream) == ":5")
            servers.master.kill()
            emit_until(other, 5, story)
        for each in (client, *sentinel.sentinels):
            each.close()
    assert unreported(story) == 0
    assert bool(gaps_of(story)) == (not durable)
