"""Where an index finds its fields, and which fields it refuses."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

import pytest
from pydantic import AliasChoices, AliasPath, AwareDatetime, BaseModel, Field, PlainSerializer

from datapatterns import Document, Each, Index, InvalidArgument, UtcDatetime


class Address(BaseModel):
    """A part of a document."""

    city: str = Field("Bath", validation_alias=AliasChoices("city", "town"))
    since: date | None = None
    rent: Decimal = Decimal(0)


class User(Document):
    """A document with fields of many kinds."""

    name: str = Field(validation_alias=AliasChoices("name", "full", AliasPath("names", 0)))
    country: str = "GB"
    address: Address = Address()
    home: Address | None = None
    tags: list[str] = Field(default_factory=list)
    prices: list[Decimal] = []  # noqa: RUF012 - pydantic copies defaults
    maybe: tuple[int, ...] | None = None
    at: UtcDatetime | None = None
    paid: Annotated[Decimal, PlainSerializer(lambda value: int(value * 100), when_used="json")]
    free: Any = None
    wrong_datetime: datetime | None = None
    wrong_aware: AwareDatetime | None = None
    wrong_decimal: Annotated[Decimal, Field(gt=0)] | None = None
    wrong_duration: timedelta = timedelta(0)


def values(*fields: str | Each, stored: dict[str, Any]) -> int:
    """Return the number of entries of the stored fields in an index of these fields."""
    return len(Index("i", *fields).of_model(User).values(stored))


@pytest.mark.parametrize(
    "stored",
    [
        {"name": "Ada"},
        {"full": "Ada"},
        {"names": ["Ada", "King"]},
        {"full": "Ada", "names": ["Eve"]},
        {"name": "Ada", "full": "Eve"},
    ],
)
def test_a_field_is_found_as_validation_finds_it(stored: dict[str, Any]) -> None:
    """The names of the validation alias are tried in their order, paths included."""
    index = Index("i", "name").of_model(User)
    assert index.values(stored) == index.values({"name": "Ada"}) != []


def test_a_default_stands_for_a_missing_field() -> None:
    """A static one does, in nested models too; one that a function makes does not."""
    country = Index("i", "country").of_model(User)
    assert country.values({}) == country.values({"country": "GB"}) != []
    city = Index("i", "address.city").of_model(User)
    assert city.values({}) == city.values({"address": {"town": "Bath"}}) != []
    assert city.values({"address": {}}) == city.values({})
    assert values("tags", stored={}) == 0
    assert values("name", stored={}) == 0
    assert values("home.city", stored={"home": None}) == 0


def test_each_element_has_an_entry() -> None:
    """Equal elements have one; null, an empty list and a missing field have none."""
    assert values(Each("tags"), stored={"tags": ["a", "b", "a"]}) == 2
    assert values(Each("tags"), "country", stored={"tags": ["a", "b"]}) == 2
    assert values(Each("maybe"), stored={"maybe": None}) == 0
    assert values(Each("maybe"), stored={"maybe": []}) == 0
    assert values(Each("tags"), stored={}) == 0


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("wrong_datetime", "UtcDatetime"),
        ("wrong_aware", "UtcDatetime"),
        ("wrong_decimal", "cents"),
        ("wrong_duration", "seconds"),
        ("address.rent", "cents"),
        (Each("prices"), "cents"),
        (Each("country"), "not a list"),
        (Each("address"), "not a list"),
        ("nosuch", "no field nosuch"),
        ("address.nosuch", "nosuch"),
        ("id", "no field id"),
    ],
)
def test_fields_that_cannot_be_indexed(field: str | Each, message: str) -> None:
    """The error names the field and what to do."""
    with pytest.raises(InvalidArgument, match=message):
        Index("i", field).of_model(User)


@pytest.mark.parametrize("field", ["at", "paid", "free", "address.since", "maybe"])
def test_fields_that_have_an_order(field: str) -> None:
    """A `UtcDatetime`, a type with a serializer of its own, a field of any type, dates, tuples."""
    assert Index("i", field).of_model(User).fields == (field,)


def test_the_definition_tells_what_the_entries_depend_on() -> None:
    """Aliases, defaults, `where` and its version, `unique` and `Each` change it."""

    def definition(index: Index, model: type[Document] = User) -> str:
        return index.of_model(model).definition()

    class Other(Document):
        country: str = "IE"

    class Renamed(Document):
        country: str = Field("GB", validation_alias=AliasChoices("country", "land"))

    plain = definition(Index("i", "country"))
    assert definition(Index("other", "country")) == plain
    different = {
        plain,
        definition(Index("i", "country"), Other),
        definition(Index("i", "country"), Renamed),
        definition(Index("i", "country", unique=True)),
        definition(Index("i", "country", where=bool)),
        definition(Index("i", "country", where=bool, version=2)),
        definition(Index("i", "tags")),
        definition(Index("i", Each("tags"))),
    }
    assert len(different) == 8
