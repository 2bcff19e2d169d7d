# Generated from tests/redis/_async/test_repository_redis.py by scripts/unasync.py; do not edit.
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
from datapatterns.redis._sync.repository import Repository
from datapatterns.redis.keys import Keys
from datapatterns.testing._sync.concurrently import concurrently
from datapatterns.testing.conformance._sync.consistency import check_indexes
from datapatterns.testing.conformance.samples import BY_AGE, BY_NICK, Item, Person
from datapatterns.testing.servers.redis import RedisServer, find_redis, find_valkey

EVERYTHING = [BY_AGE, BY_NICK]


@pytest.fixture
def keys(namespace: str) -> Keys:
    """Return the keys of the collection `people`."""
    return Keys.of(namespace, "repository", "people")


def people_of(client: Any, namespace: str, *indexes: Index, **options: Any) -> Any:
    """Return a repository, as another program would make it."""
    return Repository(client, "people", Person, indexes=indexes, namespace=namespace, **options)


def check(people: Any) -> None:
    """Assert that every document has its entries and that there are no others."""
    check_indexes(people, {"by_age": "age", "by_nick": "nick"})


# --- other programs with other indexes


def test_programs_with_different_indexes(client: Any, namespace: str) -> None:
    """An index takes in documents of writers that do not know it before it answers."""
    old = people_of(client, namespace)
    new = people_of(client, namespace, *EVERYTHING)
    for n in range(20):
        (old if n % 2 else new).create(Person(id=f"{n:02}", age=n, nick=str(n)))
    check(new)
    for n in range(0, 20, 3):
        old.update(f"{n:02}", {"age": 100 + n, "nick": f"new{n}"})
    check(new)
    for n in range(0, 20, 4):
        old.destroy(f"{n:02}")
    check(new)
    one = old.get("01")
    old.replace(one.model_copy(update={"age": None}))
    check(new)
    assert [p.id for p in new.query("by_age", None)] == ["01"]


def test_a_unique_index_knows_what_others_wrote(client: Any, namespace: str) -> None:
    """A complete unique index binds writers that do not declare it, and has their documents."""
    old, new = people_of(client, namespace), people_of(client, namespace, BY_NICK)
    new.create(Person(id="a", nick="x"))
    old.create(Person(id="b", nick="y"))
    old.update("a", {"age": 5})
    for people in (old, new):
        for nick in "xy":
            with pytest.raises(Conflict) as raised:
                people.create(Person(id="c", nick=nick))
            assert raised.value.reason == "exists"
            assert raised.value.data == {"index": "by_nick"}
    old.create(Person(id="d", nick="z"))
    with pytest.raises(Conflict):
        old.update("d", {"nick": "x"})
    assert new.counts("by_nick") == {"x": 1, "y": 1, "z": 1}


def test_an_index_of_the_same_name_over_other_fields(client: Any, namespace: str) -> None:
    """Two releases have each their own index; reindex removes the undeclared one."""
    old = people_of(client, namespace, Index("sorted", "age"))
    new = people_of(client, namespace, Index("sorted", "city"))
    old.create(Person(id="a", age=2, city="Oslo"))
    new.create(Person(id="b", age=1, city="Rome"))
    assert [p.id for p in old.query("sorted")] == ["b", "a"]
    assert [p.id for p in new.query("sorted")] == ["a", "b"]
    new.reindex()
    keys = Keys.of(namespace, "repository", "people")
    assert client.hlen(keys("indexes")) == 1
    assert client.zcard(keys("index")) == 4
    assert [p.id for p in old.query("sorted")] == ["b", "a"]  # declared anew, and filled


def test_filling_beside_writers(client: Any, namespace: str) -> None:
    """A new index is complete although writers go on while it is filled."""
    old = people_of(client, namespace)
    old.create_many(Person(id=f"{n:04}", age=n % 5, nick=str(n)) for n in range(1_100))

    def act(what: str, n: int) -> None:
        people = people_of(client, namespace, *([] if what == "old" else EVERYTHING))
        if what == "fill":
            assert people.reindex() > 0
        for step in range(40):
            if what in ("old", "new"):
                people.update(f"{(n + step * 27) % 1_100:04}", {"age": 10 + n})

    concurrently(act, [("fill", 0), ("fill", 0), ("old", 1), ("new", 2), ("old", 3)])
    check(people_of(client, namespace, *EVERYTHING))


def test_an_index_forgotten_while_it_is_filled(client: Any, namespace: str) -> None:
    """A removed index is not filled further; the next query declares it again."""
    plain, people = people_of(client, namespace), people_of(client, namespace, BY_AGE)
    plain.create_many(Person(id=f"{n:03}", age=n % 5) for n in range(600))
    [note] = (people._indexing._declare()).values()
    steps = people._indexing._fill(people._indexes["by_age"], note)
    assert next(steps) == 500
    plain.reindex()
    other = people_of(client, namespace, BY_AGE)
    other._indexing._declare()
    assert [step for step in steps] == []
    assert other.count("by_age") == 600


def test_what_moves_while_a_page_is_read(client: Any, namespace: str) -> None:
    """A document removed or changed between a page's two trips is left out."""
    people = people_of(client, namespace, BY_AGE)
    people.create_many(Person(id=id, age=1) for id in "abc")
    by_age = people._indexes["by_age"]
    [values] = by_age.values({"age": 1})
    rows = [entry(values, id) for id in "abc"]
    people.destroy("a")
    people.update("b", {"age": 2})
    found = people._hashes.of_entries(by_age, rows)
    assert [one.id for one in found] == ["c"]


def test_without_ensure_somebody_else_fills(client: Any, namespace: str) -> None:
    """Without `ensure`, a query or a unique write is Unavailable until the index is complete."""
    people_of(client, namespace).create(Person(id="a", age=1, nick="x"))
    people = people_of(client, namespace, *EVERYTHING, ensure=False)
    for call in (
        lambda: people.query("by_age"),
        lambda: people.counts("by_age"),
        lambda: people.update("a", {"age": 2}),
    ):
        with pytest.raises(Unavailable):
            call()
    people.ensure()
    people.update("a", {"age": 2})
    check(people)


# --- keys


def test_keys_of_other_types_change_nothing(client: Any, namespace: str, keys: Keys) -> None:
    """With another type at any key, a call is DataCorrupted before any write."""
    people = people_of(client, namespace, *EVERYTHING)
    ann = people.create(Person(id="ann", age=1, nick="a"))
    client.set(keys("doc", "odd"), "x")
    for call in (
        lambda: people.get("odd"),
        lambda: people.exists("odd"),
        lambda: people.create(Person(id="odd")),
        lambda: people.update("odd", {}),
        lambda: people.destroy("odd"),
    ):
        with pytest.raises(DataCorrupted):
            call()
    made, odd = people.create_many([Person(id="b", nick="b"), Person(id="odd", nick="c")])
    assert made == people.get("b")
    assert isinstance(odd, DataCorrupted)
    check(people)
    plain = people_of(client, namespace)
    for part in ("index", "indexes"):
        client.rename(keys(part), keys("kept"))
        client.set(keys(part), "x")
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
                call()
        client.rename(keys("kept"), keys(part))
    assert people.get("ann") == ann
    assert not people.exists("c")
    check(people)


def test_what_is_left_of_a_collection(client: Any, namespace: str, keys: Keys) -> None:
    """Without documents only the states of the indexes are stored."""
    people = people_of(client, namespace, *EVERYTHING)
    people.create_many(Person(id=str(n), age=n, nick=str(n)) for n in range(10))
    found = [key for key in client.scan_iter(match=f"*{namespace}*")]
    found = [key if isinstance(key, bytes) else key.encode() for key in found]
    assert all(key.startswith(b"{" + keys.tag + b"}:") for key in found)
    assert len(found) == 12
    unaware = people_of(client, namespace)
    for n in range(10):
        unaware.update(str(n), {"city": "Oslo"})
        (people if n % 2 else unaware).destroy(str(n))
    found = [key for key in client.scan_iter(match=f"*{namespace}*")]
    assert [key if isinstance(key, bytes) else key.encode() for key in found] == [keys("indexes")]


def test_a_field_that_is_not_json(client: Any, namespace: str, keys: Keys) -> None:
    """A field that is not JSON is read as text and stays as it is."""
    people = people_of(client, namespace, BY_AGE)
    people.create(Person(id="ann", age=1))
    client.hset(keys("doc", "ann"), mapping={"note": "not json", "name": "Ann", "raw": b"\xff"})
    assert (people.get("ann")).name == "Ann"
    assert (people.get_raw("ann"))["note"] == "not json"
    people.update("ann", {"age": 2})
    assert (people.get_raw("ann"))["note"] == "not json"
    assert people.count("by_age", 2) == 1
    client.hset(keys("doc", "ann"), "age", "many")
    with pytest.raises(DecodeFailed) as raised:
        people.get("ann")
    assert raised.value.data == {"id": "ann"}


def test_documents_changed_by_hand(client: Any, namespace: str, keys: Keys) -> None:
    """`reindex` updates the indexes and the count after changes by other programs."""
    people = people_of(client, namespace, *EVERYTHING)
    people.create_many(Person(id=str(n), age=n, nick=str(n)) for n in range(10))
    client.hset(keys("doc", "3"), "age", "33")
    client.delete(keys("doc", "4"))
    people.reindex()
    assert [p.id for p in people.query("by_age", 33)] == ["3"]
    assert people.count("by_age", 3) == 0
    assert people.count() == 9
    assert "4" not in [p.id for p in people.iterate("by_age")]
    check(people)
    # A whole document, made by hand.
    client.hset(keys("doc", "new"), mapping={"age": "50", "nick": "new"})
    assert (people.get("new")).rev == "0"
    people.update("new", {"city": "Oslo"}, rev="0")
    check(people)


def test_names_that_belong_to_the_library(client: Any, namespace: str) -> None:
    """A field stored as `_rev` or `_entries` is refused."""

    class Open(Item, extra="allow"):
        pass

    items = Repository(client, "items", Open, namespace=namespace)
    for name in ("_rev", "_entries"):
        with pytest.raises(DataError):
            items.create(Open(id="a", **{name: 1}))
    assert items.count() == 0
    with pytest.raises(InvalidArgument):
        Repository(client, "items", Open, remember=-1, namespace=namespace)


def test_thirty_programs_update_one_document(client: Any, namespace: str) -> None:
    """Thirty concurrent updates of one document all succeed, and none is lost."""
    people_of(client, namespace).create(Person(id="ann"))

    def write(n: int) -> None:
        people = people_of(client, namespace, BY_AGE)
        people.update("ann", {"age": n} if n % 2 else {"city": str(n)})

    concurrently(write, [(n,) for n in range(30)])
    ann = people_of(client, namespace).get("ann")
    assert ann.age is not None
    assert ann.city is not None
    assert people_of(client, namespace, BY_AGE).counts("by_age") == {ann.age: 1}


# --- round trips


@pytest.fixture
def quiet_server() -> Iterator[RedisServer]:
    """Yield a server without other clients, to count round trips."""
    with RedisServer(find_redis() or find_valkey()) as server:
        yield server


def test_round_trips(
    quiet_server: RedisServer, connect: Any, namespace: str, figures: Callable[..., None]
) -> None:
    """The round trips of each call are as the docstring promises."""
    counting, client = connect(quiet_server), connect(quiet_server)
    people = people_of(client, namespace, *EVERYTHING)
    people.create(Person(id="warm", age=1, nick="warm"))
    people.update("warm", {"age": 2})
    people.query("by_age")
    people.list()
    people.count("by_age")
    people.counts("by_age")  # each script is known to the server by now
    people.destroy("warm")

    def trips(call: Callable[[], Any]) -> int:
        before = (counting.info("stats"))["total_reads_processed"]
        call()
        after = (counting.info("stats"))["total_reads_processed"]
        return int(after - before - 1)  # less the counting itself

    ann = Person(id="ann", age=1, nick="a")
    again = people_of(client, namespace, *EVERYTHING)
    found = {
        "create": trips(lambda: people.create(ann)),
        "get": trips(lambda: people.get("ann")),
        "update": trips(lambda: people.update("ann", {"age": 2})),
        "update_again": trips(lambda: people.update("ann", {"age": 3})),
        "update_unseen": trips(lambda: again.update("ann", {"age": 4})),
        "update_overtaken": trips(lambda: people.update("ann", {"age": 5})),
        "count": trips(lambda: people.count("by_age")),
        "counts": trips(lambda: people.counts("by_age")),
        "list": trips(lambda: people.list()),
        "query": trips(lambda: people.query("by_age")),
        "destroy": trips(lambda: people.destroy("ann")),
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


def test_a_guess_that_no_longer_fits(client: Any, namespace: str) -> None:
    """A change that only the remembered document refuses succeeds."""
    one, other = (people_of(client, namespace, BY_AGE) for _ in range(2))
    ann = one.create(Person(id="ann", age=1))
    other.destroy("ann")
    with pytest.raises(NotFound):
        one.update("ann", {"age": 2})
    other.create(Person(id="ann", name="new"))
    with pytest.raises(Conflict):
        one.update("ann", {"age": 2}, rev=ann.rev)
    assert (one.update("ann", {"age": 2})).name == "new"
