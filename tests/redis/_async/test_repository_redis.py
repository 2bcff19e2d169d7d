"""Redis's own parts of the repository: other programs, keys and round trips."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from datapatterns import (
    Conflict,
    DataCorrupted,
    DataError,
    DecodeFailed,
    Index,
    InvalidArgument,
    NotFound,
    Unavailable,
)
from datapatterns.core.indexes import entry
from datapatterns.redis._async.repository import AsyncRepository
from datapatterns.redis.keys import Keys
from datapatterns.testing._async.concurrently import concurrently
from datapatterns.testing.conformance._async.consistency import check_indexes
from datapatterns.testing.conformance.samples import BY_AGE, BY_NICK, Item, Person
from datapatterns.testing.servers.redis import RedisServer, find_redis, find_valkey

EVERYTHING = [BY_AGE, BY_NICK]


@pytest.fixture
def keys(namespace: str) -> Keys:
    """Return the keys of the collection `people`."""
    return Keys.of(namespace, "repository", "people")


def people_of(client: Any, namespace: str, *indexes: Index, **options: Any) -> Any:
    """Return a repository, as another program would make it."""
    return AsyncRepository(
        client, "people", Person, indexes=indexes, namespace=namespace, **options
    )


async def check(people: Any) -> None:
    """Assert that every document has its entries and that there are no others."""
    await check_indexes(people, {"by_age": "age", "by_nick": "nick"})


# --- other programs with other indexes


async def test_programs_with_different_indexes(client: Any, namespace: str) -> None:
    """An index takes in documents of writers that do not know it before it answers."""
    old = people_of(client, namespace)
    new = people_of(client, namespace, *EVERYTHING)
    for n in range(20):
        await (old if n % 2 else new).create(Person(id=f"{n:02}", age=n, nick=str(n)))
    await check(new)
    for n in range(0, 20, 3):
        await old.update(f"{n:02}", {"age": 100 + n, "nick": f"new{n}"})
    await check(new)
    for n in range(0, 20, 4):
        await old.destroy(f"{n:02}")
    await check(new)
    one = await old.get("01")
    await old.replace(one.model_copy(update={"age": None}))
    await check(new)
    assert [p.id for p in await new.query("by_age", None)] == ["01"]


async def test_a_unique_index_knows_what_others_wrote(client: Any, namespace: str) -> None:
    """A complete unique index binds writers that do not declare it, and has their documents."""
    old, new = people_of(client, namespace), people_of(client, namespace, BY_NICK)
    await new.create(Person(id="a", nick="x"))
    await old.create(Person(id="b", nick="y"))
    await old.update("a", {"age": 5})
    for people in (old, new):
        for nick in "xy":
            with pytest.raises(Conflict) as raised:
                await people.create(Person(id="c", nick=nick))
            assert raised.value.reason == "exists"
            assert raised.value.data == {"index": "by_nick"}
    await old.create(Person(id="d", nick="z"))
    with pytest.raises(Conflict):
        await old.update("d", {"nick": "x"})
    assert await new.counts("by_nick") == {"x": 1, "y": 1, "z": 1}


async def test_an_index_of_the_same_name_over_other_fields(client: Any, namespace: str) -> None:
    """Two releases have each their own index; reindex removes the undeclared one."""
    old = people_of(client, namespace, Index("sorted", "age"))
    new = people_of(client, namespace, Index("sorted", "city"))
    await old.create(Person(id="a", age=2, city="Oslo"))
    await new.create(Person(id="b", age=1, city="Rome"))
    assert [p.id for p in await old.query("sorted")] == ["b", "a"]
    assert [p.id for p in await new.query("sorted")] == ["a", "b"]
    await new.reindex()
    keys = Keys.of(namespace, "repository", "people")
    assert await client.hlen(keys("indexes")) == 1
    assert await client.zcard(keys("index")) == 4
    assert [p.id for p in await old.query("sorted")] == ["b", "a"]  # declared anew, and filled


async def test_filling_beside_writers(client: Any, namespace: str) -> None:
    """A new index is complete although writers go on while it is filled."""
    old = people_of(client, namespace)
    await old.create_many(Person(id=f"{n:04}", age=n % 5, nick=str(n)) for n in range(1_100))

    async def act(what: str, n: int) -> None:
        people = people_of(client, namespace, *([] if what == "old" else EVERYTHING))
        if what == "fill":
            assert await people.reindex() > 0
        for step in range(40):
            if what in ("old", "new"):
                await people.update(f"{(n + step * 27) % 1_100:04}", {"age": 10 + n})

    await concurrently(act, [("fill", 0), ("fill", 0), ("old", 1), ("new", 2), ("old", 3)])
    await check(people_of(client, namespace, *EVERYTHING))


async def test_an_index_forgotten_while_it_is_filled(client: Any, namespace: str) -> None:
    """A removed index is not filled further; the next query declares it again."""
    plain, people = people_of(client, namespace), people_of(client, namespace, BY_AGE)
    await plain.create_many(Person(id=f"{n:03}", age=n % 5) for n in range(600))
    [note] = (await people._indexing._declare()).values()
    steps = people._indexing._fill(people._indexes["by_age"], note)
    assert await anext(steps) == 500
    await plain.reindex()
    other = people_of(client, namespace, BY_AGE)
    await other._indexing._declare()
    assert [step async for step in steps] == []
    assert await other.count("by_age") == 600


async def test_what_moves_while_a_page_is_read(client: Any, namespace: str) -> None:
    """A document removed or changed between a page's two trips is left out."""
    people = people_of(client, namespace, BY_AGE)
    await people.create_many(Person(id=id, age=1) for id in "abc")
    by_age = people._indexes["by_age"]
    [values] = by_age.values({"age": 1})
    rows = [entry(values, id) for id in "abc"]
    await people.destroy("a")
    await people.update("b", {"age": 2})
    found = await people._hashes.of_entries(by_age, rows)
    assert [one.id for one in found] == ["c"]


async def test_without_ensure_somebody_else_fills(client: Any, namespace: str) -> None:
    """Without `ensure`, a query or a unique write is Unavailable until the index is complete."""
    await people_of(client, namespace).create(Person(id="a", age=1, nick="x"))
    people = people_of(client, namespace, *EVERYTHING, ensure=False)
    for call in (
        lambda: people.query("by_age"),
        lambda: people.counts("by_age"),
        lambda: people.update("a", {"age": 2}),
    ):
        with pytest.raises(Unavailable):
            await call()
    await people.ensure()
    await people.update("a", {"age": 2})
    await check(people)


# --- keys


async def test_keys_of_other_types_change_nothing(client: Any, namespace: str, keys: Keys) -> None:
    """With another type at any key, a call is DataCorrupted before any write."""
    people = people_of(client, namespace, *EVERYTHING)
    ann = await people.create(Person(id="ann", age=1, nick="a"))
    await client.set(keys("doc", "odd"), "x")
    for call in (
        lambda: people.get("odd"),
        lambda: people.exists("odd"),
        lambda: people.create(Person(id="odd")),
        lambda: people.update("odd", {}),
        lambda: people.destroy("odd"),
    ):
        with pytest.raises(DataCorrupted):
            await call()
    made, odd = await people.create_many([Person(id="b", nick="b"), Person(id="odd", nick="c")])
    assert made == await people.get("b")
    assert isinstance(odd, DataCorrupted)
    await check(people)
    plain = people_of(client, namespace)
    for part in ("index", "indexes"):
        await client.rename(keys(part), keys("kept"))
        await client.set(keys(part), "x")
        for call in (
            lambda: people.create(Person(id="c", nick="c")),
            lambda: plain.create(Person(id="c")),
            lambda: plain.update("ann", {"age": 2}),
            lambda: people.update("ann", {"age": 2}),
            lambda: people.destroy("ann"),
            lambda: people.query("by_age"),
            lambda: people.reindex(),
        ):
            with pytest.raises(DataCorrupted):
                await call()
        await client.rename(keys("kept"), keys(part))
    assert await people.get("ann") == ann
    assert not await people.exists("c")
    await check(people)


async def test_what_is_left_of_a_collection(client: Any, namespace: str, keys: Keys) -> None:
    """Without documents only the states of the indexes are stored."""
    people = people_of(client, namespace, *EVERYTHING)
    await people.create_many(Person(id=str(n), age=n, nick=str(n)) for n in range(10))
    found = [key async for key in client.scan_iter(match=f"*{namespace}*")]
    found = [key if isinstance(key, bytes) else key.encode() for key in found]
    assert all(key.startswith(b"{" + keys.tag + b"}:") for key in found)
    assert len(found) == 12
    unaware = people_of(client, namespace)
    for n in range(10):
        await unaware.update(str(n), {"city": "Oslo"})
        await (people if n % 2 else unaware).destroy(str(n))
    found = [key async for key in client.scan_iter(match=f"*{namespace}*")]
    assert [key if isinstance(key, bytes) else key.encode() for key in found] == [keys("indexes")]


async def test_a_field_that_is_not_json(client: Any, namespace: str, keys: Keys) -> None:
    """A field that is not JSON is read as text and stays as it is."""
    people = people_of(client, namespace, BY_AGE)
    await people.create(Person(id="ann", age=1))
    await client.hset(
        keys("doc", "ann"), mapping={"note": "not json", "name": "Ann", "raw": b"\xff"}
    )
    assert (await people.get("ann")).name == "Ann"
    assert (await people.get_raw("ann"))["note"] == "not json"
    await people.update("ann", {"age": 2})
    assert (await people.get_raw("ann"))["note"] == "not json"
    assert await people.count("by_age", 2) == 1
    await client.hset(keys("doc", "ann"), "age", "many")
    with pytest.raises(DecodeFailed) as raised:
        await people.get("ann")
    assert raised.value.data == {"id": "ann"}


async def test_documents_changed_by_hand(client: Any, namespace: str, keys: Keys) -> None:
    """`reindex` updates the indexes and the count after changes by other programs."""
    people = people_of(client, namespace, *EVERYTHING)
    await people.create_many(Person(id=str(n), age=n, nick=str(n)) for n in range(10))
    await client.hset(keys("doc", "3"), "age", "33")
    await client.delete(keys("doc", "4"))
    await people.reindex()
    assert [p.id for p in await people.query("by_age", 33)] == ["3"]
    assert await people.count("by_age", 3) == 0
    assert await people.count() == 9
    assert "4" not in [p.id async for p in people.iterate("by_age")]
    await check(people)
    # A whole document, made by hand.
    await client.hset(keys("doc", "new"), mapping={"age": "50", "nick": "new"})
    assert (await people.get("new")).rev == "0"
    await people.update("new", {"city": "Oslo"}, rev="0")
    await check(people)


async def test_names_that_belong_to_the_library(client: Any, namespace: str) -> None:
    """A field stored as `_rev` or `_entries` is refused."""

    class Open(Item, extra="allow"):
        pass

    items = AsyncRepository(client, "items", Open, namespace=namespace)
    for name in ("_rev", "_entries"):
        with pytest.raises(DataError):
            await items.create(Open(id="a", **{name: 1}))
    assert await items.count() == 0
    with pytest.raises(InvalidArgument):
        AsyncRepository(client, "items", Open, remember=-1, namespace=namespace)


async def test_thirty_programs_update_one_document(client: Any, namespace: str) -> None:
    """Thirty concurrent updates of one document all succeed, and none is lost."""
    await people_of(client, namespace).create(Person(id="ann"))

    async def write(n: int) -> None:
        people = people_of(client, namespace, BY_AGE)
        await people.update("ann", {"age": n} if n % 2 else {"city": str(n)})

    await concurrently(write, [(n,) for n in range(30)])
    ann = await people_of(client, namespace).get("ann")
    assert ann.age is not None
    assert ann.city is not None
    assert await people_of(client, namespace, BY_AGE).counts("by_age") == {ann.age: 1}


# --- round trips


@pytest.fixture
def quiet_server() -> Iterator[RedisServer]:
    """Yield a server without other clients, to count round trips."""
    with RedisServer(find_redis() or find_valkey()) as server:
        yield server


async def test_round_trips(
    quiet_server: RedisServer, connect: Any, namespace: str, figures: Callable[..., None]
) -> None:
    """The round trips of each call are as the docstring promises."""
    counting, client = await connect(quiet_server), await connect(quiet_server)
    people = people_of(client, namespace, *EVERYTHING)
    await people.create(Person(id="warm", age=1, nick="warm"))
    await people.update("warm", {"age": 2})
    await people.query("by_age")
    await people.list()
    await people.count("by_age")
    await people.counts("by_age")  # each script is known to the server by now
    await people.destroy("warm")

    async def trips(call: Callable[[], Any]) -> int:
        before = (await counting.info("stats"))["total_reads_processed"]
        await call()
        after = (await counting.info("stats"))["total_reads_processed"]
        return int(after - before - 1)  # less the counting itself

    ann = Person(id="ann", age=1, nick="a")
    again = people_of(client, namespace, *EVERYTHING)
    found = {
        "create": await trips(lambda: people.create(ann)),
        "get": await trips(lambda: people.get("ann")),
        "update": await trips(lambda: people.update("ann", {"age": 2})),
        "update_again": await trips(lambda: people.update("ann", {"age": 3})),
        "update_unseen": await trips(lambda: again.update("ann", {"age": 4})),
        "update_overtaken": await trips(lambda: people.update("ann", {"age": 5})),
        "count": await trips(lambda: people.count("by_age")),
        "counts": await trips(lambda: people.counts("by_age")),
        "list": await trips(lambda: people.list()),
        "query": await trips(lambda: people.query("by_age")),
        "destroy": await trips(lambda: people.destroy("ann")),
    }
    figures("repository on redis, round trips", **found)
    assert found == {
        "create": 1,
        "get": 1,
        "update": 1,
        "update_again": 1,
        "update_unseen": 2,
        "update_overtaken": 2,
        "count": 1,
        "counts": 1,
        "list": 2,
        "query": 2,
        "destroy": 1,
    }


async def test_a_guess_that_no_longer_fits(client: Any, namespace: str) -> None:
    """A change that only the remembered document refuses succeeds."""
    one, other = (people_of(client, namespace, BY_AGE) for _ in range(2))
    ann = await one.create(Person(id="ann", age=1))
    await other.destroy("ann")
    with pytest.raises(NotFound):
        await one.update("ann", {"age": 2})
    await other.create(Person(id="ann", name="new"))
    with pytest.raises(Conflict):
        await one.update("ann", {"age": 2}, rev=ann.rev)
    assert (await one.update("ann", {"age": 2})).name == "new"
