# Generated from datapatterns/testing/conformance/_async/index_definitions.py by scripts/unasync.py; do not edit.
"""The tests of indexes whose definition changes, and of the kinds of fields that they take."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, ClassVar
from uuid import UUID

import pytest
from pydantic import AliasChoices, BaseModel, Field, FutureDatetime

from datapatterns import (
    Conflict,
    Document,
    Each,
    Index,
    IndexNotUnique,
    InvalidArgument,
    InvalidData,
    Store,
    UtcDatetime,
)
from datapatterns.testing.conformance.samples import BY_NICK, BY_VALUE, Item, Person


class Colour(Enum):
    """Members with values of two types."""

    RED = "red"
    TWO = 2


class Old(Document):
    """A model before its fields were renamed."""

    name: str = ""
    city: dict[str, Any] = Field(default_factory=dict[str, Any])


class City(BaseModel):
    """A nested model with a renamed field and a new one."""

    town: str = Field(default="", validation_alias=AliasChoices("town", "city"))
    country: str = "GB"


class New(Document):
    """The same model later."""

    full_name: str = Field(default="", validation_alias=AliasChoices("full_name", "name"))
    rank: int = 5
    city: City = City()


class Post(Document):
    """A document with lists."""

    tags: list[str | int | None] | None = None
    blog: str = ""
    at: UtcDatetime | None = None
    colour: Colour | None = None
    key: UUID | None = None
    day: date | None = None


class Prices(BaseModel):
    """A nested model with a price."""

    net: Decimal = Decimal(0)


class Unordered(Document):
    """Fields whose JSON has not the order of their values."""

    price: Decimal = Decimal(0)
    maybe: Decimal | None = None
    limited: Annotated[Decimal, Field(gt=0)] = Decimal(1)
    prices: Prices = Prices()
    maybe_prices: Prices | None = None
    many: list[Decimal] = Field(default_factory=list[Decimal])
    span: timedelta = timedelta()
    spans: tuple[timedelta, ...] = ()
    at: datetime = datetime(2026, 1, 1)
    maybe_at: datetime | None = None
    future: FutureDatetime | None = None
    either: int | datetime = 0


BY_TAG = Index("by_tag", Each("tags"))
BY_BLOG_AND_TAG = Index("by_blog_and_tag", "blog", Each("tags"), "day")


class TestIndexDefinitions:
    """Tests that an index sees what a reader sees, and is filled anew when that changes."""

    pattern: ClassVar[str] = "repository"

    def test_an_index_sees_aliases_and_defaults(self, target: Store) -> None:
        """Documents stored before a field was renamed or added are found by it."""
        old = target.repository("users", Old, indexes=[Index("by_old_name", "name")])
        old.create(Old(id="a", name="Ada", city={"city": "London"}))
        old.create(Old(id="b", name="Bob"))
        indexes = [
            Index("by_name", "full_name"),
            Index("by_rank", "rank"),
            Index("by_town", "city.town"),
            Index("by_country", "city.country"),
        ]
        new = target.repository("users", New, indexes=indexes)
        assert [one.id for one in new.query("by_name", "Ada")] == ["a"]
        assert new.counts("by_name") == {"Ada": 1, "Bob": 1}
        assert new.counts("by_rank") == {5: 2}
        assert new.counts("by_town") == {"": 1, "London": 1}
        assert new.counts("by_country") == {"GB": 2}
        new.update("a", {"full_name": "Ada King", "city": {"town": "Ockham"}})
        old.update("b", {"name": "Bert"})
        assert new.counts("by_name") == {"Ada King": 1, "Bert": 1}
        assert new.counts("by_town") == {"": 1, "Ockham": 1}
        new.rewrite()
        assert new.counts("by_name") == {"Ada King": 1, "Bert": 1}
        assert new.counts("by_rank") == {5: 2}

    def test_a_unique_index_sees_old_names(self, target: Store) -> None:
        """A value that is stored under the old name is taken."""
        if not target.capabilities.unique_index:
            return
        old = target.repository("users", Old)
        old.create(Old(id="a", name="Ada"))
        new = target.repository("users", New, indexes=[Index("by_name", "full_name", unique=True)])
        for full_name, id in (("Ada", "b"), ("Ada", "c")):
            with pytest.raises(Conflict):
                new.create(New(id=id, full_name=full_name))
        assert new.count() == 1

    def test_a_new_version_of_where(self, target: Store) -> None:
        """The index is filled anew with what the condition accepts now."""
        if not target.capabilities.partial_index:
            return
        items = target.repository("items", Item)
        items.create_many(Item(id=str(n), value=n) for n in range(5))

        def some(least: int, version: int) -> Index:
            return Index(
                "some", "value", where=lambda fields: fields["value"] >= least, version=version
            )

        for version, least in ((1, 3), (2, 1), (3, 4), (4, 0)):
            if version > 1 and not target.capabilities.processes:
                self._check_in_use(target, Item, some(least, version))
                continue
            repository = target.repository("items", Item, indexes=[some(least, version)])
            assert repository.counts("some") == dict.fromkeys(range(least, 5), 1)

    def test_an_index_of_other_fields(self, target: Store) -> None:
        """An index that keeps its name and gets other fields is filled anew."""
        people = target.repository("persons", Person, indexes=[Index("i", "age")])
        people.create(Person(id="a", age=1, city="Oslo"))
        assert people.counts("i") == {1: 1}
        if not target.capabilities.processes:
            self._check_in_use(target, Person, Index("i", "city"))
            return
        people = target.repository("persons", Person, indexes=[Index("i", "city")])
        assert people.counts("i") == {"Oslo": 1}
        people = target.repository("persons", Person, indexes=[Index("i", "city", "age")])
        assert people.counts("i", depth=2) == {("Oslo", 1): 1}

    def _check_in_use(self, target: Store, model: type[Document], index: Index) -> None:
        """Fail unless a store of one process refuses an index that it keeps otherwise."""
        with pytest.raises(InvalidArgument, match="in use"):
            target.repository(f"{model.__name__.lower()}s", model, indexes=[index])

    def test_each_element_has_an_entry(self, target: Store) -> None:
        """A document is found by each element of its list, once by equal ones."""
        posts = target.repository("posts", Post, indexes=[BY_TAG, BY_BLOG_AND_TAG])
        one = posts.create(Post(id="1", blog="x", tags=["a", "b", "a"], day=date(2026, 1, 1)))
        two = posts.create(Post(id="2", blog="x", tags=["b", 7, None]))
        posts.create(Post(id="3", blog="x", tags=[]))
        posts.create(Post(id="4", blog="x"))
        assert posts.counts("by_tag") == {"a": 1, "b": 2, 7: 1, None: 1}
        assert list(posts.query("by_tag", "b")) == [one, two]
        assert list(posts.query("by_tag", "a")) == [one]
        assert [p.id for p in posts.iterate("by_tag")] == ["2", "2", "1", "1", "2"]
        assert [p.id for p in posts.query("by_blog_and_tag", "x", start="a")] == [*"121"]
        assert posts.counts("by_blog_and_tag", depth=2) == {
            ("x", "a"): 1,
            ("x", "b"): 2,
            ("x", 7): 1,
            ("x", None): 1,
        }
        posts.update("1", {"tags": ["c", "b"]})
        assert posts.counts("by_tag") == {"b": 2, "c": 1, 7: 1, None: 1}
        posts.replace(two.model_copy(update={"tags": None}))
        posts.destroy("1")
        assert posts.counts("by_tag") == {}
        assert posts.count("by_tag") == 0

    def test_pages_of_an_index_of_elements(self, target: Store) -> None:
        """Following the cursors visits every entry once, there and back."""
        posts = target.repository("posts", Post, indexes=[BY_TAG])
        posts.create_many(Post(id=str(n), tags=["a", "b", "c"]) for n in range(5))
        seen: list[str] = []
        page = posts.query("by_tag", limit=4)
        while True:
            seen += [one.id for one in page]
            if page.next is None:
                break
            page = posts.query("by_tag", limit=4, after=page.next)
        assert seen == [*"01234"] * 3

    def test_unique_elements(self, target: Store) -> None:
        """With a unique index no two documents have an element in common."""
        if not target.capabilities.unique_index:
            return
        posts = target.repository(
            "posts", Post, indexes=[Index("by_tag", Each("tags"), unique=True)]
        )
        posts.create(Post(id="1", tags=["a", "b"]))
        with pytest.raises(Conflict):
            posts.create(Post(id="2", tags=["c", "b"]))
        posts.create(Post(id="3", tags=["c", "c"]))
        with pytest.raises(Conflict):
            posts.update("1", {"tags": ["b", "c"]})
        posts.update("1", {"tags": ["b"]})
        assert (posts.create(Post(id="4", tags=["a"]))).id == "4"
        assert posts.counts("by_tag") == {"a": 1, "b": 1, "c": 1}

    def test_each_of_what_is_no_list(self, target: Store) -> None:
        """A field that cannot be a list is refused when declared, a value when written."""
        with pytest.raises(InvalidArgument, match="Each"):
            target.repository("posts", Post, indexes=[Index("i", Each("blog"))])
        with pytest.raises(InvalidArgument):
            Index("i", Each("a"), Each("b"))
        items = target.repository("items", Item, indexes=[Index("i", Each("value"))])
        items.create(Item(id="a", value=[1]))
        for value in ("text", 7, {"a": 1}):
            with pytest.raises(InvalidData):
                items.create(Item(id="b", value=value))
            with pytest.raises(InvalidData):
                items.update("a", {"value": value})
        assert items.counts("i") == {1: 1}
        assert items.count() == 1

    def test_true_and_one_are_counted_apart(self, target: Store) -> None:
        """`counts` has both, as it has false and zero."""
        items = target.repository("items", Item, indexes=[BY_VALUE])
        values: list[Any] = [True, 1, 1.0, False, 0, True]
        items.create_many(Item(id=str(n), value=value) for n, value in enumerate(values))
        counts = items.counts("by_value")
        assert (counts[True], counts[1], counts[False], counts[0]) == (2, 2, 1, 1)
        assert sum(counts.values()) == len(values)
        assert len(counts) == 4

    def test_values_of_a_query(self, target: Store) -> None:
        """Members of an Enum, UUIDs and dates stand for what is stored of them."""
        indexes = [Index("by_colour", "colour"), Index("by_key", "key"), Index("by_day", "day")]
        posts = target.repository("posts", Post, indexes=indexes)
        key, day = UUID(int=7), date(2026, 1, 2)
        one = posts.create(Post(id="1", colour=Colour.RED, key=key, day=day))
        two = posts.create(Post(id="2", colour=Colour.TWO))
        for value in (Colour.RED, "red"):
            assert list(posts.query("by_colour", value)) == [one]
        assert list(posts.query("by_colour", Colour.TWO)) == [two]
        assert posts.count("by_colour", Colour.TWO) == 1
        assert list(posts.query("by_key", key)) == [one]
        assert list(posts.query("by_day", start=day, end=date(2026, 1, 3))) == [one]

    @pytest.mark.parametrize(
        "field",
        [
            *("price", "maybe", "limited", "prices.net", "maybe_prices.net", "span", "at"),
            *("maybe_at", "future", "either", "many", "spans"),
        ],
    )
    def test_fields_without_an_order(self, target: Store, field: str) -> None:
        """They are refused with the field and what to use instead, alone and for each element."""
        each: tuple[Any, ...] = (Each(field),) if field in ("many", "spans") else (field,)
        for given in each:
            with pytest.raises(InvalidArgument) as raised:
                target.repository("prices", Unordered, indexes=[Index("i", given)])
            assert field in str(raised.value)
            assert any(use in str(raised.value) for use in ("UtcDatetime", "cents", "seconds"))

    def test_a_value_that_an_index_cannot_hold(self, target: Store) -> None:
        """A writer is told the field; a stored document is left out, listed, and stops nobody."""
        huge = 10**300 if target.capabilities.collation == "unicode" else 10**700
        target.repository("items", Item).create(Item(id="b", value=huge))
        items = target.repository("items", Item, indexes=[BY_VALUE])
        items.create(Item(id="a", value=1))
        if target.capabilities.collation == "bytewise":  # else the server orders, which takes all
            calls: tuple[Callable[[], Any], ...] = (
                lambda: items.create(Item(id="c", value=huge)),
                lambda: items.update("a", {"value": huge}),
                lambda: items.put(Item(id="a", value=huge)),
            )
            for call in calls:
                with pytest.raises(InvalidData) as raised:
                    call()
                assert raised.value.errors[0]["loc"] == ("value",)
            assert [one.data["id"] for one in items.check()] == ["b"]
            assert items.counts("by_value") == {1: 1}
        items.create(Item(id="d", value=3))
        items.reindex()
        assert items.count("by_value", 3) == 1
        assert (items.get("b")).value == huge
        items.update("b", {"value": 4})
        assert items.count("by_value", 4) == 1
        assert items.check() == []

    def test_a_complete_unique_index_binds_every_writer(self, target: Store) -> None:
        """Also one that does not declare it, in every call that writes."""
        if not target.capabilities.unique_index:
            return
        strict = target.repository("people", Person, indexes=[BY_NICK])
        strict.create(Person(id="ann", nick="x"))
        plain = target.repository("people", Person)
        bob = plain.create(Person(id="bob", nick="y"))
        taken = bob.model_copy(update={"nick": "x"})
        calls: tuple[Callable[[], Any], ...] = (
            lambda: plain.create(Person(id="new", nick="x")),
            lambda: plain.put(Person(id="new", nick="x")),
            lambda: plain.put(taken),
            lambda: plain.replace(taken),
            lambda: plain.update("bob", {"nick": "x"}),
            lambda: plain.patch("bob", {"nick": "x"}),
        )
        for call in calls:
            with pytest.raises(Conflict) as raised:
                call()
            assert raised.value.reason == "exists"
        [outcome] = plain.create_many([Person(id="new", nick="x")])
        assert isinstance(outcome, Conflict)
        assert strict.counts("by_nick") == {"x": 1, "y": 1}
        assert strict.count() == 2

    def test_a_unique_index_that_cannot_be_filled_names_two(
        self, target: Store, caplog: pytest.LogCaptureFixture
    ) -> None:
        """IndexNotUnique has the ids of two documents, and they are logged."""
        if not target.capabilities.unique_index:
            return
        plain = target.repository("people", Person)
        plain.create_many(Person(id=id, nick=nick) for id, nick in ("ax", "bx", "cy"))
        strict = target.repository("people", Person, indexes=[BY_NICK])
        with pytest.raises(IndexNotUnique) as raised:
            strict.create(Person(id="new", nick="new"))
        assert (raised.value.status, raised.value.code) == (500, "index_not_unique")
        assert sorted(raised.value.data["ids"]) == ["a", "b"]
        assert raised.value.data["index"] == "by_nick"
        logged = [record for record in caplog.records if record.levelname == "ERROR"]
        assert any("'a'" in one.getMessage() and "'b'" in one.getMessage() for one in logged)
        assert plain.create(Person(id="new", nick="x"))
