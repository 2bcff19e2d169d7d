"""Lost replies to every call of the repository that changes something."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Any

import pytest

from datapatterns import Index, OutcomeUnknown, Unavailable
from datapatterns.redis._async.repository import AsyncRepository
from datapatterns.testing.conformance._async.consistency import check_indexes
from datapatterns.testing.conformance.samples import BY_AGE, BY_NICK, Person
from datapatterns.testing.faults.proxy import FaultProxy
from datapatterns.testing.servers.redis import HOST, RedisServer

Proxy = Callable[[str, int], FaultProxy]
EVERYTHING = [BY_AGE, BY_NICK]


def people_of(client: Any, namespace: str, *indexes: Index) -> Any:
    """Return a repository, as another program would make it."""
    return AsyncRepository(client, "people", Person, indexes=indexes, namespace=namespace)


async def check(people: Any) -> None:
    """Assert that every document has its entries and that there are no others."""
    await check_indexes(people, {"by_age": "age", "by_nick": "nick"})


CALLS: dict[str, Callable[[Any, Person], Any]] = {
    "create": lambda people, _: people.create(Person(id="new", age=1, nick="new")),
    "replace": lambda people, ann: people.replace(Person(id="ann", rev=ann.rev, nick="n")),
    "update": lambda people, _: people.update("ann", {"age": 99}),
    "update-rev": lambda people, ann: people.update("ann", {"age": 99}, rev=ann.rev),
    "destroy": lambda people, _: people.destroy("ann"),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("silent", [False, True])
async def test_a_lost_reply_is_an_unknown_outcome(
    redis_server: RedisServer,
    fault_proxy: Proxy,
    connect: Any,
    namespace: str,
    call: str,
    silent: bool,
) -> None:
    """The call took effect once and is OutcomeUnknown, not a Conflict."""
    direct = people_of(await connect(redis_server), namespace, *EVERYTHING)
    await direct.create(Person(id="other", age=0, nick="other"))
    await direct.destroy("other")  # now the server knows the scripts
    proxy = fault_proxy(HOST, redis_server.port)
    client = await connect(proxy, socket_timeout=1.5)
    people = people_of(client, namespace, *EVERYTHING)
    ann = await people.create(Person(id="ann", age=1, nick="a"))
    proxy.lose_reply(to=b"EVALSHA", silent=silent)
    with pytest.raises(OutcomeUnknown):
        await CALLS[call](people, ann)
    assert proxy.lost == 1
    found = {str(one.id): (one.age, one.nick) async for one in direct.iterate()}
    assert (
        found
        == {
            "create": {"ann": (1, "a"), "new": (1, "new")},
            "replace": {"ann": (None, "n")},
            "update": {"ann": (99, "a")},
            "update-rev": {"ann": (99, "a")},
            "destroy": {},
        }[call]
    )
    await check(direct)
    if call.startswith("update"):  # what this repository remembers is old: it finds that out
        assert (await people.update("ann", {"city": "Oslo"})).age == 99


async def test_create_many_with_a_lost_reply(
    redis_server: RedisServer, fault_proxy: Proxy, connect: Any, namespace: str
) -> None:
    """The documents of the step in question are OutcomeUnknown, the others are stored and known."""
    direct = people_of(await connect(redis_server), namespace, *EVERYTHING)
    await direct.create(Person(id="other", nick="other"))
    proxy = fault_proxy(HOST, redis_server.port)
    people = people_of(await connect(proxy), namespace, *EVERYTHING)
    proxy.lose_reply(to=b"EVALSHA", skip=1)
    batch = [Person(id=f"{n:03}", nick=str(n), age=n) for n in range(300)]
    outcomes = await people.create_many(batch)
    assert [type(one) for one in outcomes] == [
        *[Person] * 100,
        *[OutcomeUnknown] * 100,
        *[Person] * 100,
    ]
    assert await direct.count() == 301
    await check(direct)


async def test_filling_with_every_reply_lost_in_turn(
    redis_server: RedisServer,
    fault_proxy: Proxy,
    connect: Any,
    namespace: str,
    figures: Callable[..., None],
) -> None:
    """Whichever reply is lost, filling again completes the index."""
    plain = people_of(await connect(redis_server), namespace)
    await plain.create_many(Person(id=f"{n:04}", age=n % 5, nick=str(n)) for n in range(600))
    await people_of(plain.redis, namespace, *EVERYTHING).reindex()
    proxy = fault_proxy(HOST, redis_server.port)
    people = people_of(await connect(proxy), namespace, *EVERYTHING)
    for skip in count():
        await plain.reindex()  # forgets the indexes, which it does not declare
        proxy.lose_reply(to=b"EVALSHA", skip=skip)
        with suppress(OutcomeUnknown, Unavailable):  # of a script that only reads
            await people.reindex()
        proxy.forget_losses()
        await people.ensure()
        await check(people)
        if proxy.lost == skip:
            break
    assert proxy.lost > 8
    figures("replies lost while indexes were filled", lost=proxy.lost)
