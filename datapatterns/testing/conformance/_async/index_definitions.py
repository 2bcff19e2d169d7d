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
    AsyncStore,
    Conflict,
    Document,
    Each,
    Index,
    IndexNotUnique,
    InvalidArgument,
    InvalidData,
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

    async def test_an_index_sees_aliases_and_defaults(self, target: AsyncStore) -> None:
        """Documents stored before a field was renamed or added are found by it."""
        old = target.repository("users", Old, indexes=[Index("by_old_name", "name")])
        await old.create(Old(id="a", name="Ada", city={"city": "London"}))
        await old.create(Old(id="b", name="Bob"))
        indexes = [
            Index("by_name", "full_name"),
            Index("by_rank", "rank"),
            Index("by_town", "city.town"),
            Index("by_country", "city.country"),
        ]
        new = target.repository("users", New, indexes=indexes)
        assert [one.id for one in await new.query("by_name", "Ada")] == ["a"]
        assert await new.counts("by_name") == {"Ada": 1, "Bob": 1}
        assert await new.counts("by_rank") == {5: 2}
        assert await new.counts("by_town") == {"": 1, "London": 1}
        assert await new.counts("by_country") == {"GB": 2}
        await new.update("a", {"full_name": "Ada King", "city": {"town": "Ockham"}})
        await old.update("b", {"name": "Bert"})
        assert await new.counts("by_name") == {"Ada King": 1, "Bert": 1}
        assert await new.counts("by_town") == {"": 1, "Ockham": 1}
        await new.rewrite()
        assert await new.counts("by_name") == {"Ada King": 1, "Bert": 1}
        assert await new.counts("by_rank") == {5: 2}

    async def test_a_unique_index_sees_old_names(self, target: AsyncStore) -> None:
        """A value that is stored under the old name is taken."""
        if not target.capabilities.unique_index:
            return
        old = target.repository("users", Old)
        await old.create(Old(id="a", name="Ada"))
        new = target.repository("users", New, indexes=[Index("by_name", "full_name", unique=True)])
        for full_name, id in (("Ada", "b"), ("Ada", "c")):
            with pytest.raises(Conflict):
                await new.create(New(id=id, full_name=full_name))
        assert await new.count() == 1

    async def test_a_new_version_of_where(self, target: AsyncStore) -> None:
        """The index is filled anew with what the condition accepts now."""
        if not target.capabilities.partial_index:
            return
        items = target.repository("items", Item)
        await items.create_many(Item(id=str(n), value=n) for n in range(5))

        def some(least: int, version: int) -> Index:
            return Index(
                "some", "value", where=lambda fields: fields["value"] >= least, version=version
            )

        for version, least in ((1, 3), (2, 1), (3, 4), (4, 0)):
            if version > 1 and not target.capabilities.processes:
                self._check_in_use(target, Item, some(least, version))
                continue
            repository = target.repository("items", Item, indexes=[some(least, version)])
            assert await repository.counts("some") == dict.fromkeys(range(least, 5), 1)

    async def test_an_index_of_other_fields(self, target: AsyncStore) -> None:
        """An index that keeps its name and gets other fields is filled anew."""
        people = target.repository("persons", Person, indexes=[Index("i", "age")])
        await people.create(Person(id="a", age=1, city="Oslo"))
        assert await people.counts("i") == {1: 1}
        if not target.capabilities.processes:
            self._check_in_use(target, Person, Index("i", "city"))
            return
        people = target.repository("persons", Person, indexes=[Index("i", "city")])
        assert await people.counts("i") == {"Oslo": 1}
        people = target.repository("persons", Person, indexes=[Index("i", "city", "age")])
        assert await people.counts("i", depth=2) == {("Oslo", 1): 1}

    def _check_in_use(self, target: AsyncStore, model: type[Document], index: Index) -> None:
        """Fail unless a store of one process refuses an index that it keeps otherwise."""
        with pytest.raises(InvalidArgument, match="in use"):
            target.repository(f"{model.__name__.lower()}s", model, indexes=[index])

    async def test_each_element_has_an_entry(self, target: AsyncStore) -> None:
        """A document is found by each element of its list, once by equal ones."""
        posts = target.repository("posts", Post, indexes=[BY_TAG, BY_BLOG_AND_TAG])
        one = await posts.create(Post(id="1", blog="x", tags=["a", "b", "a"], day=date(2026, 1, 1)))
        two = await posts.create(Post(id="2", blog="x", tags=["b", 7, None]))
        await posts.create(Post(id="3", blog="x", tags=[]))
        await posts.create(Post(id="4", blog="x"))
        assert await posts.counts("by_tag") == {"a": 1, "b": 2, 7: 1, None: 1}
        assert list(await posts.query("by_tag", "b")) == [one, two]
        assert list(await posts.query("by_tag", "a")) == [one]
        assert [p.id async for p in posts.iterate("by_tag")] == ["2", "2", "1", "1", "2"]
        assert [p.id for p in await posts.query("by_blog_and_tag", "x", start="a")] == [*"121"]
        assert await posts.counts("by_blog_and_tag", depth=2) == {
            ("x", "a"): 1,
            ("x", "b"): 2,
            ("x", 7): 1,
            ("x", None): 1,
        }
        await posts.update("1", {"tags": ["c", "b"]})
        assert await posts.counts("by_tag") == {"b": 2, "c": 1, 7: 1, None: 1}
        await posts.replace(two.model_copy(update={"tags": None}))
        await posts.destroy("1")
        assert await posts.counts("by_tag") == {}
        assert await posts.count("by_tag") == 0

    async def test_pages_of_an_index_of_elements(self, target: AsyncStore) -> None:
        """Following the cursors visits every entry once, there and back."""
        posts = target.repository("posts", Post, indexes=[BY_TAG])
        await posts.create_many(Post(id=str(n), tags=["a", "b", "c"]) for n in range(5))
        seen: list[str] = []
        page = await posts.query("by_tag", limit=4)
        while True:
            seen += [one.id for one in page]
            if page.next is None:
                break
            page = await posts.query("by_tag", limit=4, after=page.next)
        assert seen == [*"01234"] * 3

    async def test_unique_elements(self, target: AsyncStore) -> None:
        """With a unique index no two documents have an element in common."""
        if not target.capabilities.unique_index:
            return
        posts = target.repository(
            "posts", Post, indexes=[Index("by_tag", Each("tags"), unique=True)]
        )
        await posts.create(Post(id="1", tags=["a", "b"]))
        with pytest.raises(Conflict):
            await posts.create(Post(id="2", tags=["c", "b"]))
        await posts.create(Post(id="3", tags=["c", "c"]))
        with pytest.raises(Conflict):
            await posts.update("1", {"tags": ["b", "c"]})
        await posts.update("1", {"tags": ["b"]})
        assert (await posts.create(Post(id="4", tags=["a"]))).id == "4"
        assert await posts.counts("by_tag") == {"a": 1, "b": 1, "c": 1}

    async def test_each_of_what_is_no_list(self, target: AsyncStore) -> None:
        """A field that cannot be a list is refused when declared, a value when written."""
        with pytest.raises(InvalidArgument, match="Each"):
            target.repository("posts", Post, indexes=[Index("i", Each("blog"))])
        with pytest.raises(InvalidArgument):
            Index("i", Each("a"), Each("b"))
        items = target.repository("items", Item, indexes=[Index("i", Each("value"))])
        await items.create(Item(id="a", value=[1]))
        for value in ("text", 7, {"a": 1}):
            with pytest.raises(InvalidData):
                await items.create(Item(id="b", value=value))
            with pytest.raises(InvalidData):
                await items.update("a", {"value": value})
        assert await items.counts("i") == {1: 1}
        assert await items.count() == 1

    async def test_true_and_one_are_counted_apart(self, target: AsyncStore) -> None:
        """`counts` has both, as it has false and zero."""
        items = target.repository("items", Item, indexes=[BY_VALUE])
        values: list[Any] = [True, 1, 1.0, False, 0, True]
        await items.create_many(Item(id=str(n), value=value) for n, value in enumerate(values))
        counts = await items.counts("by_value")
        assert (counts[True], counts[1], counts[False], counts[0]) == (2, 2, 1, 1)
        assert sum(counts.values()) == len(values)
        assert len(counts) == 4

    async def test_values_of_a_query(self, target: AsyncStore) -> None:
        """Members of an Enum, UUIDs and dates stand for what is stored of them."""
        indexes = [Index("by_colour", "colour"), Index("by_key", "key"), Index("by_day", "day")]
        posts = target.repository("posts", Post, indexes=indexes)
        key, day = UUID(int=7), date(2026, 1, 2)
        one = await posts.create(Post(id="1", colour=Colour.RED, key=key, day=day))
        two = await posts.create(Post(id="2", colour=Colour.TWO))
        for value in (Colour.RED, "red"):
            assert list(await posts.query("by_colour", value)) == [one]
        assert list(await posts.query("by_colour", Colour.TWO)) == [two]
        assert await posts.count("by_colour", Colour.TWO) == 1
        assert list(await posts.query("by_key", key)) == [one]
        assert list(await posts.query("by_day", start=day, end=date(2026, 1, 3))) == [one]

    @pytest.mark.parametrize(
        "field",
        [
            *("price", "maybe", "limited", "prices.net", "maybe_prices.net", "span", "at"),
            *("maybe_at", "future", "either", "many", "spans"),
        ],
    )
    async def test_fields_without_an_order(self, target: AsyncStore, field: str) -> None:
        """They are refused with the field and what to use instead, alone and for each element."""
        each: tuple[Any, ...] = (Each(field),) if field in ("many", "spans") else (field,)
        for given in each:
            with pytest.raises(InvalidArgument) as raised:
                target.repository("prices", Unordered, indexes=[Index("i", given)])
            assert field in str(raised.value)
            assert any(use in str(raised.value) for use in ("UtcDatetime", "cents", "seconds"))

    async def test_a_value_that_an_index_cannot_hold(self, target: AsyncStore) -> None:
        """A writer is told the field; a stored document is left out, listed, and stops nobody."""
        huge = 10**300 if target.capabilities.collation == "unicode" else 10**700
        await target.repository("items", Item).create(Item(id="b", value=huge))
        items = target.repository("items", Item, indexes=[BY_VALUE])
        await items.create(Item(id="a", value=1))
        if target.capabilities.collation == "bytewise":  # else the server orders, which takes all
            calls: tuple[Callable[[], Any], ...] = (
                lambda: items.create(Item(id="c", value=huge)),
                lambda: items.update("a", {"value": huge}),
                lambda: items.put(Item(id="a", value=huge)),
            )
            for call in calls:
                with pytest.raises(InvalidData) as raised:
                    await call()
                assert raised.value.errors[0]["loc"] == ("value",)
            assert [one.data["id"] for one in await items.check()] == ["b"]
            assert await items.counts("by_value") == {1: 1}
        await items.create(Item(id="d", value=3))
        await items.reindex()
        assert await items.count("by_value", 3) == 1
        assert (await items.get("b")).value == huge
        await items.update("b", {"value": 4})
        assert await items.count("by_value", 4) == 1
        assert await items.check() == []

    async def test_a_complete_unique_index_binds_every_writer(self, target: AsyncStore) -> None:
        """Also one that does not declare it, in every call that writes."""
        if not target.capabilities.unique_index:
            return
        strict = target.repository("people", Person, indexes=[BY_NICK])
        await strict.create(Person(id="ann", nick="x"))
        plain = target.repository("people", Person)
        bob = await plain.create(Person(id="bob", nick="y"))
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
                await call()
            assert raised.value.reason == "exists"
        [outcome] = await plain.create_many([Person(id="new", nick="x")])
        assert isinstance(outcome, Conflict)
        assert await strict.counts("by_nick") == {"x": 1, "y": 1}
        assert await strict.count() == 2

    async def test_a_unique_index_that_cannot_be_filled_names_two(
        self, target: AsyncStore, caplog: pytest.LogCaptureFixture
    ) -> None:
        """IndexNotUnique has the ids of two documents, and they are logged."""
        if not target.capabilities.unique_index:
            return
        plain = target.repository("people", Person)
        await plain.create_many(Person(id=id, nick=nick) for id, nick in ("ax", "bx", "cy"))
        strict = target.repository("people", Person, indexes=[BY_NICK])
        with pytest.raises(IndexNotUnique) as raised:
            await strict.create(Person(id="new", nick="new"))
        assert (raised.value.status, raised.value.code) == (500, "index_not_unique")
        assert sorted(raised.value.data["ids"]) == ["a", "b"]
        assert raised.value.data["index"] == "by_nick"
        logged = [record for record in caplog.records if record.levelname == "ERROR"]
        assert any("'a'" in one.getMessage() and "'b'" in one.getMessage() for one in logged)
        assert await plain.create(Person(id="new", nick="x"))
