# Generated from tests/couch/_async/test_index_definitions.py by scripts/unasync.py; do not edit.
"""Indexes as the server fills them: the same entries as on other backends, for any stored JSON."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import AliasChoices, AliasPath, BaseModel, Field

from datapatterns import Conflict, DecodeFailed, Document, Each, Index, NotFound, UtcDatetime
from datapatterns.core.indexes import pack_values
from datapatterns.couch import Database, Query
from datapatterns.couch._sync.repository import Repository
from datapatterns.couch.indexing import VIEW, design_name
from datapatterns.testing.conformance.samples import BY_AGE, Person

pytestmark = pytest.mark.couchdb3


def of(database: Database, model: Any, *indexes: Index, **options: Any) -> Any:
    """Return a repository over that database."""
    return Repository(database.couch, database.name, model, indexes=indexes, **options)


class Address(BaseModel):
    """A nested model with a default and an alias."""

    city: str = "Oslo"
    code: int | None = Field(default=None, validation_alias=AliasChoices("zip", "code"))


class Reader(Document):
    """A document whose fields are read from many places."""

    name: str = Field(default="nobody", validation_alias=AliasChoices("user", "name"))
    first: int = Field(default=0, validation_alias=AliasChoices(AliasPath("list", 0), "first"))
    last: int = Field(default=0, validation_alias=AliasChoices(AliasPath("deep", "x", -1), "last"))
    hidden: int = Field(default=7, validation_alias=AliasChoices("_attachments", "hidden"))
    address: Address | None = None
    tags: list[Any] | None = None
    any: Any = None


READER = (
    Index("name", "name"),
    Index("places", "first", "last", "hidden"),
    Index("nested", "address.city", "address.code"),
    Index("any", "any.a.b", "any.a.c"),
    Index("tags", Each("tags")),
    Index("between", "name", Each("tags"), "address.city"),
)
NAMES = ("user", "name", "list", "first", "deep", "last", "hidden", "address", "tags", "any")
LEAVES: list[Any] = [
    None, True, False, 0, 1, -1, 1.5, "", "a", "\u00e9", [], {}, [1], [[1]], ["a", "a", 1, 1.0],
    [None], {"x": []}, {"x": [4, 5]}, {"x": {"0": 1}}, {"city": "Rome"}, {"zip": 1, "code": 2},
    {"a": {"b": 1, "c": [{}]}}, {"a": {"b": {"d": 1}}}, {"a": None}, {"city": None}, [{"a": 1}],
    [[1], [1], {"a": 1}, {"a": 1}], {"0": 1, "length": 3}, {"constructor": 1},
]  # fmt: skip


def test_the_server_finds_what_python_finds(database: Database) -> None:
    """For random documents the map function emits exactly the entries that `Index.values` gives."""
    rng = random.Random(10)
    documents = [
        {name: rng.choice(LEAVES) for name in rng.sample(NAMES, rng.randrange(len(NAMES)))}
        for _ in range(1_500)
    ]
    stored = {f"d{n:04}": fields for n, fields in enumerate(documents)}
    database.bulk({"_id": id, **fields} for id, fields in stored.items())
    readers = of(database, Reader, *READER)
    readers.ensure()
    for index in readers._indexes.values():
        rows = database.rows(design_name(index), VIEW, Query())
        found = sorted((row.id, _packed(row.key)) for row in rows)
        expected = [
            (id, one) for id, each in stored.items() for one in index.stored_values(id, each)
        ]
        assert expected
        assert found == sorted(expected), index.name


def _packed(key: Any) -> bytes:
    """Return the entry of a row; JavaScript has no whole numbers apart from others."""
    return pack_values(value for [value] in key)


def test_an_entry_for_each_element(database: Database) -> None:
    """Elements are entries, each once; null, no list and an empty list have none."""

    class Tagged(Document):
        tags: list[str] | None = None
        n: int = 0

    tagged = of(database, Tagged, Index("by_tag", Each("tags"), "n"))
    tagged.create_many(
        [
            Tagged(id="a", tags=["x", "y", "x"], n=1),
            Tagged(id="b", tags=["y"], n=2),
            Tagged(id="c", tags=[]),
            Tagged(id="d", tags=None),
        ]
    )
    database.put("e", {"tags": "xy"})
    database.put("f", {"tags": {"0": "x"}})
    assert tagged.counts("by_tag") == {"x": 1, "y": 2}
    assert tagged.counts("by_tag", 2) == {("x", 1): 1, ("y", 1): 1, ("y", 2): 1}
    assert [one.id for one in tagged.query("by_tag", "y")] == ["a", "b"]
    assert [error.data["id"] for error in tagged.check()] == ["e", "f"]
    assert (tagged.update("a", {"tags": ["z"]})).tags == ["z"]
    tagged.destroy("b")
    assert tagged.counts("by_tag") == {"z": 1}


def test_true_and_one_are_counted_apart(database: Database) -> None:
    """The counts keep True and 1, and False and 0, apart."""

    class Any_(Document):
        value: Any = None

    values = of(database, Any_, Index("by", "value"))
    values.create_many(Any_(value=value) for value in (True, 1, 1.0, False, 0, None, [True]))
    counts = values.counts("by")
    assert (counts[True], counts[1], counts[False], counts[0]) == (1, 2, 1, 1)
    assert (counts[None], counts[(True,)]) == (1, 1)


class Kind(StrEnum):
    """Two kinds."""

    ONE = "one"
    TWO = "two"


def test_values_of_a_query(database: Database) -> None:
    """Members of an Enum, UUIDs and moments are found by what documents store."""

    class Thing(Document):
        kind: Kind
        owner: UUID
        at: UtcDatetime

    things = of(database, Thing, Index("by", "kind", "owner"), Index("at", "at"))
    owner, now = uuid4(), datetime.now(UTC)
    one = things.create(Thing(kind=Kind.ONE, owner=owner, at=now))
    assert list(things.query("by", Kind.ONE, owner)) == [one]
    assert list(things.query("by", Kind.ONE, start=owner)) == [one]
    assert things.count("by", Kind.TWO) == 0
    assert list(things.query("at", start=now, end=now + timedelta(1))) == [one]


# --- rolling deployment


class Before(Document):
    """The model of the older program."""

    name: str = ""


class After(Document):
    """The model of the newer program: one field renamed, one added."""

    title: str = Field(default="", validation_alias=AliasChoices("title", "name"))
    country: str = "GB"


class Later(After):
    """The same with another default."""

    country: str = "NO"


def test_two_programs_with_two_definitions(database: Database) -> None:
    """While a new version is rolled out each program's index is right, and stays as it is."""
    before = of(database, Before, Index("by_name", "name"))
    before.create_many(Before(id=str(n), name=f"n{n}") for n in range(3))
    assert before.count("by_name") == 3
    after = of(database, After, Index("by_name", "title"), Index("by_country", "country"))
    later = of(database, Later, Index("by_name", "title"), Index("by_country", "country"))
    for _ in range(2):
        for repository, country in ((after, "GB"), (later, "NO")):
            repository.ensure()
            assert repository.counts("by_name") == {"n0": 1, "n1": 1, "n2": 1}
            assert repository.counts("by_country") == {country: 3}
        before.ensure()
        assert [one.name for one in before.query("by_name")] == ["n0", "n1", "n2"]
    designs = database.all_docs({"startkey": "_design/", "endkey": "_design0"})
    assert len(designs) == 4, "by_name of both newer programs is one index"
    assert {row["value"]["rev"][:2] for row in designs} == {"1-"}, "one was written again"
    later.create(Later(id="3", title="n3"))
    assert [one.title for one in after.query("by_name")] == ["n0", "n1", "n2", "n3"]
    assert after.counts("by_country") == {"GB": 3, "NO": 1}
    after.update("0", {"title": "new"})
    assert "name" not in database.get("0")
    assert later.count("by_name", "new") == 1


# --- whole documents over what is stored


def test_put_and_replace_over_removed_documents(database: Database) -> None:
    """`put` stores over a removed document; `replace` of one is Conflict."""
    people = of(database, Person, BY_AGE)
    ann = people.put(Person(id="ann", age=1))
    people.destroy("ann")
    with pytest.raises(Conflict):
        people.replace(ann.model_copy(update={"age": 2}))
    again = people.put(Person(id="ann", age=3))
    assert (people.get("ann")) == again
    assert (people.put(again.model_copy(update={"rev": None, "age": 4}))).age == 4
    assert people.counts("by_age") == {4: 1}


def test_documents_of_a_newer_program(database: Database) -> None:
    """A document of a newer schema version is replaced in no way, whatever revision is given."""
    people = of(database, Person)
    database.put("ann", {"name": "Ann", "$schema_version": 2})
    rev = str((database.get("ann"))["_rev"])
    calls: list[Callable[[], Any]] = [
        lambda: people.replace(Person(id="ann", rev=rev)),
        lambda: people.put(Person(id="ann")),
        lambda: people.update("ann", {"age": 1}),
    ]
    for call in calls:
        with pytest.raises(DecodeFailed, match="newer program"):
            call()
    assert (database.get("ann"))["_rev"] == rev


# --- expiry


class Session(Document):
    """A document with an end."""

    user: str = ""
    ends: UtcDatetime | None = None


def test_expired_documents(database: Database) -> None:
    """They are as if absent at once, and a sweep removes them with few requests."""
    sessions = of(database, Session, Index("by_user", "user"), expires="ends")
    past, future = (datetime.now(UTC) + timedelta(hours=n) for n in (-1, 1))
    plain = of(database, Session)
    plain.create_many(Session(id=f"old{n:03}", ends=past, user="a") for n in range(250))
    plain.create_many([Session(id="new", ends=future, user="a"), Session(id="ever")])
    database.put("odd", {"ends": "soon"})
    assert sessions.find("old000") is None
    bad: list[DecodeFailed] = []
    assert [one.id for one in sessions.list(on_bad=bad.append)] == ["ever", "new"]
    assert [error.data["id"] for error in bad] == ["odd"]
    asked = _requests_of(database, sessions.sweep)
    assert asked < 20, "documents were removed one by one"
    assert plain.count() == 3
    assert sessions.counts("by_user") == {"a": 1, "": 2}
    assert (sessions.create(Session(id="old000"))).user == ""
    with pytest.raises(NotFound):
        sessions.destroy("old001")
    sessions.destroy("odd")
    designs = database.all_docs({"startkey": "_design/", "endkey": "_design0"})
    assert any(row["id"].startswith("_design/index.%24expires.") for row in designs)


def _requests_of(database: Database, work: Callable[[], Any]) -> int:
    """Return how many requests a call makes."""
    couch: Any = database.couch
    count, request = 0, couch._request

    def counted(*args: Any, **options: Any) -> Any:
        nonlocal count
        count += 1
        return request(*args, **options)

    couch._request = counted
    try:
        work()
    finally:
        couch._request = request
    return count


def test_defaults_of_any_text(database: Database) -> None:
    """Defaults and aliases are data in the map function, whatever characters they have."""
    text = "\u2028\"'); emit(1) //%s */"

    class Strange(Document):
        value: str = Field(default=text, alias="\u2029\\%d")

    strange = of(database, Strange, Index("i", "\u2029\\%d"))
    database.put("a", {})
    assert strange.counts("i") == {text: 1}
