"""Groups and leaderboard: lost replies, other types, leaks, round trips and old servers."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError

from datapatterns import DataCorrupted, OutcomeUnknown
from datapatterns.core.leaderboard import Ranked
from datapatterns.redis._async import groups as module
from datapatterns.redis._async.groups import AsyncGroups
from datapatterns.redis._async.leaderboard import AsyncLeaderboard
from datapatterns.testing.faults.proxy import FaultProxy
from datapatterns.testing.servers.redis import HOST, RedisServer

Proxy = Callable[[str, int], FaultProxy]


async def keys_of(client: Any, namespace: str) -> list[str]:
    """Return the keys of the namespace."""
    return sorted([key.decode() async for key in client.scan_iter(f"{{{namespace}:*")])


@pytest.mark.parametrize("silent", [False, True])
async def test_lost_replies(
    redis_server: RedisServer,
    fault_proxy: Proxy,
    connect: Any,
    namespace: str,
    silent: bool,
    figures: Any,
) -> None:
    """Each changing call with a lost reply is OutcomeUnknown and took effect once."""
    proxy = fault_proxy(HOST, redis_server.port)
    near = await connect(proxy, socket_timeout=1.0)
    groups = AsyncGroups(near, "teams", namespace=namespace)
    board = AsyncLeaderboard(near, "game", namespace=namespace)
    await groups.add("red", "ann")
    await board.set("ann", 1)
    # Now the server knows all the scripts: so the lost replies are those of runs.
    await groups.remove("red", "nobody")
    await board.remove("nobody")
    calls: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
        (groups.add, ("red", "bob", "cid")),
        (groups.remove, ("red", "ann")),
        (board.add, ("ann", 10)),
        (board.add, ("bob", 11)),
        (board.set, ("cid", 11)),
        (board.add, ("ann", -3)),
        (board.remove, ("bob",)),
    ]
    for call, arguments in calls:
        proxy.lose_reply(to=b"EVAL", silent=silent)
        with pytest.raises(OutcomeUnknown):
            await call(*arguments)
    figures("groups and leaderboard, lost replies", calls=len(calls), lost=proxy.lost, doubled=0)
    assert proxy.lost == len(calls)
    assert sorted([member async for member in groups.members("red") if member]) == ["bob", "cid"]
    assert await groups.groups_of("ann") == set()
    assert await groups.size("red") == 2
    assert await board.top(9) == [Ranked(1, "cid", 11.0), Ranked(2, "ann", 8.0)]


async def test_lost_replies_to_reads(
    redis_server: RedisServer, fault_proxy: Proxy, connect: Any, namespace: str
) -> None:
    """An iteration over members goes on after a lost reply, without repetition."""
    proxy = fault_proxy(HOST, redis_server.port)
    client = await connect(proxy, retry=Retry(NoBackoff(), 3), retry_on_error=[ConnectionError])
    groups = AsyncGroups(client, "teams", namespace=namespace)
    names = {f"member-{n}" for n in range(5_000)}
    await groups.add("red", *names)
    found: list[str] = []
    async for member in groups.members("red"):
        if len(found) in (500, 2_500):
            proxy.lose_reply(to=b"EVALSHA")
        found.append(member)
    assert len(found) == 5_000
    assert set(found) == names
    assert proxy.lost == 2


async def test_another_type_changes_nothing(
    redis_server: RedisServer, connect: Any, namespace: str
) -> None:
    """With another type at any of its keys, a call is DataCorrupted and has no effect."""
    client = await connect(redis_server)
    tag = f"{{{namespace}:groups:teams}}"
    groups = AsyncGroups(client, "teams", namespace=namespace)
    for wrong in (f"{tag}:members:red", f"{tag}:groups:bob"):
        await client.set(wrong, "mine")
        for call in (groups.add, groups.remove):
            with pytest.raises(DataCorrupted):
                await call("red", "ann", "bob")
        assert await keys_of(client, namespace) == [wrong]
        await client.delete(wrong)
    tag = f"{{{namespace}:leaderboard:game}}"
    board = AsyncLeaderboard(client, "game", namespace=namespace)
    for wrong in (f"{tag}:scores", f"{tag}:orders", f"{tag}:sequence"):
        await client.lpush(wrong, "mine")
        with pytest.raises(DataCorrupted):
            await board.set("ann", 1)
        with pytest.raises(DataCorrupted):
            await board.add("ann", 1)
        with pytest.raises(DataCorrupted):
            await board.remove("ann")
        assert await keys_of(client, namespace) == [wrong]
        await client.delete(wrong)


async def test_nothing_is_left_when_empty(
    redis_server: RedisServer, connect: Any, namespace: str
) -> None:
    """An empty group or leaderboard leaves no key."""
    client = await connect(redis_server)
    groups = AsyncGroups(client, "teams", namespace=namespace)
    board = AsyncLeaderboard(client, "game", namespace=namespace)
    await groups.add("red", "ann", "bob")
    await board.set("ann", 1)
    await board.add("bob", 1)
    stored = await keys_of(client, namespace)
    assert len(stored) == 6
    for key in stored:
        assert await client.ttl(key) == -1
    await groups.remove("red", "ann", "bob")
    await board.remove("ann")
    await board.remove("bob")
    assert await keys_of(client, namespace) == []


async def test_round_trips(redis_server: RedisServer, connect: Any, namespace: str) -> None:
    """Every call is one round trip."""
    client = await connect(redis_server)
    groups = AsyncGroups(client, "teams", namespace=namespace)
    board = AsyncLeaderboard(client, "game", namespace=namespace)
    calls: list[Callable[[], Any]] = [
        lambda: groups.add("red", "ann", "bob"),
        lambda: groups.remove("red", "bob"),
        lambda: groups.contains("red", "ann"),
        lambda: groups.size("red"),
        lambda: groups.groups_of("ann"),
        lambda: groups.intersection("red", "blue"),
        lambda: groups.union("red", "blue"),
        lambda: groups.difference("red", "blue"),
        lambda: groups.intersection_size("red", "blue"),
        lambda: board.set("ann", 1),
        lambda: board.add("ann", 1),
        lambda: board.score("ann"),
        lambda: board.rank("ann"),
        lambda: board.top(5),
        lambda: board.bottom(5),
        lambda: board.around("ann", 2),
        lambda: board.remove("bob"),
        lambda: board.size(),
    ]

    async def trips() -> int:
        stats = await client.info("stats")
        return int(stats["total_reads_processed"])

    for call in calls:
        await call()
    for call in calls:
        before = await trips()
        await call()
        assert await trips() - before == 2  # the second is its own


async def test_a_server_without_sintercard(connect: Any, namespace: str) -> None:
    """On a server before Redis 7 the intersection is counted in another way."""
    with RedisServer(config=["--rename-command", "SINTERCARD", ""]) as server:
        groups = AsyncGroups(await connect(server), "teams", namespace=namespace)
        await groups.add("red", *"abcde")
        await groups.add("blue", *"bcdef")
        assert await groups.intersection_size("red", "blue") == 4
        assert await groups.intersection_size("red", "blue", at_most=3) == 3
        assert await groups.intersection_size("red", "blue", at_most=9) == 4


async def test_scripts_forgotten_in_the_middle(
    redis_server: RedisServer, connect: Any, namespace: str
) -> None:
    """SCRIPT FLUSH between any two calls has no effect on results."""
    client = await connect(redis_server)
    board = AsyncLeaderboard(client, "game", namespace=namespace)
    groups = AsyncGroups(client, "teams", namespace=namespace)
    for step in range(1, 6):
        await client.script_flush()
        assert await board.add("ann", 1) == step
        await client.script_flush()
        assert await groups.add("red", f"m{step}") == 1
        await client.script_flush()
        assert await board.rank("ann") == 1


async def test_members_scanned_twice(
    monkeypatch: pytest.MonkeyPatch, redis_server: RedisServer, connect: Any
) -> None:
    """A member that the server scans twice, as it may while a set shrinks, comes once."""
    pages = [[b"7", b"a", b"b"], [b"3", b"b"], [b"0", b"a", b"c"]]

    async def scan(*_: Any) -> Any:
        return pages.pop(0)

    monkeypatch.setattr(module, "SCRIPTS", SimpleNamespace(read=scan))
    found: list[str] = []
    async for member in AsyncGroups(await connect(redis_server), "teams").members("red"):
        found += [member]
    assert found == ["a", "b", "c"]
