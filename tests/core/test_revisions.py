"""Update, patch and rewrite as steps over stored fields."""

# ruff: noqa: RUF012 - pydantic copies the defaults of fields

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any

import pytest
from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    ConfigDict,
    Field,
    Json,
    PlainSerializer,
    SecretStr,
    ValidationInfo,
    computed_field,
    field_validator,
    model_serializer,
    model_validator,
)

from datapatterns.core.documents import Document
from datapatterns.core.model_fields import MISSING
from datapatterns.core.revisions import merge_patch, patch, rewrite, update
from datapatterns.core.schema import Schema
from datapatterns.errors import DecodeFailed, InvalidArgument, InvalidData


class Address(BaseModel):
    """A part of a document."""

    city: str
    zip: str | None = None


class Farm(Address):
    """A subclass, with more than the base class stores."""

    cows: int = 0


class Colour(Enum):
    """An enumeration."""

    RED = "red"


class User(Document):
    """A document with all that matters: an alias, a default, a nested part, a rule over two."""

    name: str = Field(min_length=2)
    born: int | None = Field(None, ge=1900, alias="birthYear")
    died: int | None = None
    address: Address | None = None
    tags: list[str] = Field(default_factory=list)

    model_config = ConfigDict(populate_by_name=True)

    @model_validator(mode="after")
    def _order(self) -> User:
        if self.born and self.died and self.died < self.born:
            raise ValueError("nobody dies first")
        return self


STORED: dict[str, Any] = {
    "name": "Ada",
    "birthYear": 1915,
    "address": {"city": "London"},
    "tags": ["a"],
    "unknown": {"of": "others"},
}


def updated(model: type[Document], before: Any, changes: Any, **options: Any) -> dict[str, Any]:
    """Return the stored fields after an update."""
    step = update(Schema(model, **options), changes)
    revised = step("1", "7", before)
    assert revised is not None
    assert revised.document.rev == "7"
    return revised.fields


def patched(model: type[Document], before: Any, given: Any, **options: Any) -> dict[str, Any]:
    """Return the stored fields after a patch."""
    revised = patch(Schema(model, **options), given)("1", "7", before)
    assert revised is not None
    return revised.fields


# --- update


def test_update_changes_what_is_named() -> None:
    """Only the named fields change; others, also unknown ones, keep their stored values."""
    before = {**STORED, "address": {"city": "London", "extra": 1}, "died": 2000}
    after = updated(User, before, {"name": "Ada L."})
    assert after == {**before, "name": "Ada L."}
    assert before["name"] == "Ada"
    assert updated(User, before, {}) == before


def test_update_takes_names_and_stores_aliases() -> None:
    """A field is named as in the model and stored by its alias."""
    after = updated(User, STORED, {"born": 1920, "tags": ["b"]})
    assert after == {**STORED, "birthYear": 1920, "tags": ["b"]}
    assert updated(User, {"name": "Ada"}, {"born": None}) == {"name": "Ada", "birthYear": None}


def test_update_writes_json() -> None:
    """A changed field is stored as the model's JSON of it."""
    after = updated(User, STORED, {"address": Address(city="Paris"), "born": "1920"})
    assert after["address"] == {"city": "Paris", "zip": None}
    assert after["birthYear"] == 1920


def test_update_sets_whole_values() -> None:
    """A nested object is replaced, with what others stored in it."""
    before = {"name": "Ada", "address": {"city": "London", "zip": "E1", "extra": 1}}
    after = updated(User, before, {"address": {"city": "Paris"}})
    assert after["address"] == {"city": "Paris", "zip": None}


def test_update_validates_the_whole() -> None:
    """A rule over two fields is checked when only one of them changes."""
    for changes in ({"died": 1900}, {"name": "x"}, {"born": 1800}, {"tags": "a"}, {"address": {}}):
        with pytest.raises(InvalidData):
            updated(User, STORED, changes)
    assert updated(User, STORED, {"died": 2000})["died"] == 2000


def test_update_lists_every_problem() -> None:
    """The error lists all wrong values, or before that all wrong names."""
    with pytest.raises(InvalidData) as caught:
        updated(User, STORED, {"name": "x", "born": 1})
    assert {found["loc"] for found in caught.value.errors} == {("name",), ("birthYear",)}
    with pytest.raises(InvalidData) as caught:
        update(Schema(User, immutable={"name"}), {"nome": 1, "name": "Eve", "id": "2"})
    assert [(found["loc"], found["type"]) for found in caught.value.errors] == [
        (("nome",), "extra_forbidden"),
        (("name",), "frozen_field"),
        (("id",), "frozen_field"),
    ]


def test_forbidden_names_come_with_wrong_values() -> None:
    """Wrong names and wrong values come in one error, by alias."""
    with pytest.raises(InvalidData) as caught:
        update(Schema(User), {"rev": "2", "name": "x", "born": 1, "tags": ["a"]})
    assert [(found["loc"], found["type"]) for found in caught.value.errors] == [
        (("rev",), "frozen_field"),
        (("name",), "string_too_short"),
        (("birthYear",), "greater_than_equal"),
    ]
    assert caught.value.detail.startswith("rev: cannot be changed; name: String should have at")

    class Two(Document):
        one: int
        other: int

        @field_validator("other")
        @classmethod
        def _later(cls, value: int, info: ValidationInfo) -> int:
            return value + info.data["one"]  # KeyError where there is none

    with pytest.raises(InvalidData) as caught:
        update(Schema(Two), {"id": "2", "other": 1})
    assert [found["loc"] for found in caught.value.errors] == [("id",)]


@pytest.mark.parametrize("name", ["id", "rev", "unknown", "birthYear", "", "__class__", 7])
def test_names_that_cannot_be_changed(name: Any) -> None:
    """The id, the revision, unknown names and aliases cannot be updated."""
    with pytest.raises(InvalidData):
        update(Schema(User), {name: 1})


def test_the_field_of_the_id_and_immutable_ones() -> None:
    """Neither update nor patch takes them, though the value were the same."""
    schema = Schema(User, "name", {"born"})
    for changes in ({"name": "Ada"}, {"born": 1915}):
        for step in (update, patch):
            with pytest.raises(InvalidData) as raised:
                step(schema, changes)
            assert raised.value.errors[0]["type"] == "frozen_field"
    with pytest.raises(InvalidData):
        patch(schema, {"birthYear": 1915})


def test_an_update_model() -> None:
    """An update model validates the changes alone."""

    class Update(BaseModel):
        name: str | None = Field(None, max_length=5)

        model_config = ConfigDict(extra="forbid")

    assert updated(User, STORED, {"name": "Eve"}, update_model=Update)["name"] == "Eve"
    for changes in ({"name": "too long"}, {"died": 2000}):
        with pytest.raises(InvalidData):
            updated(User, STORED, changes, update_model=Update)


def test_an_update_model_sees_what_a_patch_makes() -> None:
    """An update model validates the values that a patch makes, whole, and no others."""

    class Update(BaseModel):
        address: Address | None = None

        @field_validator("address")
        @classmethod
        def _known(cls, address: Address) -> Address:
            if address.city == "London" and address.zip == "0":
                raise ValueError("no such place")
            return address

        model_config = ConfigDict(extra="forbid")

    found = patched(User, STORED, {"address": {"zip": "1"}}, update_model=Update)
    assert found["address"] == {"city": "London", "zip": "1"}
    assert patched(User, STORED, {"address": None}, update_model=Update)["address"] is None
    for given in ({"address": {"zip": "0"}}, {"died": 2000}):
        with pytest.raises(InvalidData):
            patched(User, STORED, given, update_model=Update)


class Wide(Document):
    """A document with a field of each kind that an update may give in several ways."""

    parts: list[Address] = []
    numbers: list[int] = []
    by_name: dict[str, Address] = {}
    unique: set[int] = set()
    pair: tuple[int, ...] = ()
    part: Address | None = None
    anything: Any = None
    at: datetime | None = None
    price: Decimal | None = None
    ratio: float = 0.0
    data: bytes = b""
    colour: Colour | None = None
    rules: Json[list[int]] | None = None


TAKEN: list[tuple[dict[str, Any], Any]] = [
    ({"parts": [{"city": "Rome"}]}, [Address(city="Rome")]),
    ({"parts": [Address(city="Rome")]}, [Address(city="Rome")]),
    ({"parts": (Address(city="Rome"),)}, [Address(city="Rome")]),
    ({"numbers": ["1", 2]}, [1, 2]),
    ({"numbers": (1, 2)}, [1, 2]),
    ({"by_name": {"a": {"city": "Rome"}}}, {"a": Address(city="Rome")}),
    ({"by_name": {"a": Address(city="Rome")}}, {"a": Address(city="Rome")}),
    ({"unique": [1, 2, 2]}, {1, 2}),
    ({"unique": {"1"}}, {1}),
    ({"unique": frozenset([1])}, {1}),
    ({"pair": [1, 2]}, (1, 2)),
    ({"part": {"city": "Rome", "zip": None}}, Address(city="Rome")),
    ({"anything": [1, {"a": None}]}, [1, {"a": None}]),
    ({"anything": True}, True),
    ({"at": "2026-01-01T00:00:00Z"}, datetime(2026, 1, 1, tzinfo=UTC)),
    ({"at": date(2026, 1, 1)}, datetime(2026, 1, 1)),
    ({"price": 1}, Decimal(1)),
    ({"price": "1.10"}, Decimal("1.10")),
    ({"price": Decimal("1.10")}, Decimal("1.10")),
    ({"ratio": Decimal("1.1")}, 1.1),
    ({"ratio": 1}, 1.0),
    ({"data": "abc"}, b"abc"),
    ({"data": b"abc"}, b"abc"),
    ({"colour": Colour.RED}, Colour.RED),
    ({"colour": "red"}, Colour.RED),
    ({"rules": "[1, 2]"}, [1, 2]),
]


@pytest.mark.parametrize(("changes", "value"), TAKEN)
def test_values_that_an_update_takes(changes: dict[str, Any], value: Any) -> None:
    """A value may be given as JSON has it or as Python has it, as validation takes either."""
    revised = update(Schema(Wide), changes)("1", "7", {})
    assert revised is not None
    [found] = [getattr(revised.document, name) for name in changes]
    assert (type(found), found) == (type(value), value)
    assert Schema(Wide).load("1", "7", revised.fields) == revised.document


LOST: list[dict[str, Any]] = [
    {"part": Farm(city="Rome", cows=7)},
    {"parts": [Farm(city="Rome")]},
    {"by_name": {"a": Farm(city="Rome")}},
    {"anything": Farm(city="Rome")},
    {"anything": (1,)},
    {"anything": {1}},
    {"anything": b"a"},
    {"anything": Decimal(1)},
    {"anything": Colour.RED},
    {"anything": SecretStr("x")},
    {"anything": [{"a": SecretStr("x")}]},
    {"anything": {1: 1}},
    {"anything": object()},
    {"anything": math.nan},
    {"anything": [math.inf]},
    {"numbers": [math.nan]},
    {"ratio": math.inf},
    {"data": b"\xff"},
    {"numbers": {"a": 1}},
    {"part": SecretStr("x")},
]


@pytest.mark.parametrize("changes", LOST)
def test_values_that_an_update_would_lose(changes: dict[str, Any]) -> None:
    """A value that would be read as another one is refused with its place, not quoted."""
    with pytest.raises(InvalidData) as raised:
        updated(Wide, {}, changes)
    assert {error["loc"][0] for error in raised.value.errors} == set(changes)


def test_an_update_of_models_of_every_kind() -> None:
    """A strict, a frozen and a shaped model take the values that they have."""

    class Strict(Document, strict=True, frozen=True):
        at: datetime
        price: Decimal
        tags: set[str]

    class Shaped(Document):
        one: int
        tags: set[str] = set()

        @model_serializer
        def _write(self) -> dict[str, Any]:
            return {"all": [self.one, *sorted(self.tags)]}

        @model_validator(mode="before")
        @classmethod
        def _read(cls, data: dict[str, Any]) -> dict[str, Any]:
            if "all" not in data:
                return data
            one, *tags = data["all"]
            return {"id": data["id"], "one": one, "tags": tags}

    now = datetime(2026, 1, 1, 12, tzinfo=UTC)
    before = {"at": "2025-01-01T00:00:00Z", "price": "1", "tags": []}
    after = updated(Strict, before, {"at": now, "price": Decimal("1.50"), "tags": {"a"}})
    assert after == {"at": "2026-01-01T12:00:00Z", "price": "1.50", "tags": ["a"]}
    assert updated(Shaped, {"all": [1]}, {"tags": {"a"}}) == {"all": [1, "a"]}
    with pytest.raises(InvalidArgument, match="model_serializer"):
        patch(Schema(Shaped), {"one": 1})


def test_a_secret_with_a_serializer() -> None:
    """A field that reveals its secret takes one."""
    Revealed = Annotated[SecretStr, PlainSerializer(lambda secret: secret.get_secret_value())]

    class Token(Document):
        value: Revealed  # type: ignore[valid-type]

    assert updated(Token, {"value": "a"}, {"value": SecretStr("b")}) == {"value": "b"}
    assert updated(Token, {"value": "a"}, {"value": "b"}) == {"value": "b"}


# --- names that several fields are read from


class Renamed(Document):
    """A field that was renamed twice, and two that were one."""

    full: str = Field("", validation_alias=AliasChoices("fullName", "name", "full"))
    first: str = Field("", validation_alias=AliasChoices("first", "both"))
    last: str = Field("", validation_alias=AliasChoices("last", "both"))


def test_a_renamed_field_is_stored_under_its_own_name() -> None:
    """An update removes the old names, so that the value that was set is the one that is read."""
    before = {"fullName": "Ada", "name": "A", "other": 1}
    assert updated(Renamed, before, {"full": "Eve"}) == {"full": "Eve", "other": 1}
    assert patched(Renamed, before, {"full": "Eve"}) == {"full": "Eve", "other": 1}
    assert updated(Renamed, before, {"first": "Eve"}) == {**before, "first": "Eve"}


def test_a_name_that_another_field_needs_stays() -> None:
    """An update takes nothing away from fields that it does not name."""
    before = {"both": "Ada King"}
    after = updated(Renamed, before, {"first": "Ada"})
    assert after == {"both": "Ada King", "first": "Ada"}
    assert Schema(Renamed).load("1", "1", after).last == "Ada King"
    assert updated(Renamed, before, {"first": "A", "last": "K"}) == {"first": "A", "last": "K"}

    class Swapped(Document):
        a: int = Field(0, validation_alias=AliasChoices("a", "b"))
        b: int = 0

    assert updated(Swapped, {"b": 1}, {"a": 2}) == {"a": 2, "b": 1}
    assert updated(Swapped, {"a": 1, "b": 1}, {"a": 2}) == {"a": 2, "b": 1}


def test_a_value_that_another_field_hides() -> None:
    """A change that no reader would see is refused."""

    class Hidden(Document):
        first: str = Field("", validation_alias=AliasChoices(AliasPath("names", 0), "first"))
        names: list[str] = []

    with pytest.raises(InvalidData, match="first: is read from other stored fields"):
        updated(Hidden, {"names": ["Ada"]}, {"first": "Eve"})
    with pytest.raises(InvalidData):
        patched(Hidden, {"names": ["Ada"]}, {"first": "Eve"})
    assert updated(Hidden, {"names": []}, {"first": "Eve"})["first"] == "Eve"


def test_computed_fields_follow() -> None:
    """Computed fields are stored, and change with the fields that they depend on."""

    class Name(Document):
        first: str
        last: str

        @computed_field
        def both(self) -> str:
            """Return both names."""
            return f"{self.first} {self.last}"

    stored = Schema(Name).new(Name(first="Ada", last="Byron")).fields
    assert updated(Name, stored, {"last": "King"})["both"] == "Ada King"
    assert patched(Name, stored, {"last": "King"})["both"] == "Ada King"


# --- patch

# What a patch makes of a value, as section 2 and appendix A of RFC 7396 describe it.
PATCHES: list[tuple[Any, Any, Any]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, MISSING),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    (MISSING, {"a": {"b": 1, "c": None}}, {"a": {"b": 1}}),
    ({"a": [1, None]}, {"b": [None]}, {"a": [1, None], "b": [None]}),
]


@pytest.mark.parametrize(("value", "given", "expected"), PATCHES)
def test_merge_patch(value: Any, given: Any, expected: Any) -> None:
    """Objects are merged, null removes, anything else replaces; given values stay as they are."""
    before = repr((value, given))
    assert merge_patch(value, given) == expected
    assert repr((value, given)) == before


class Theme(BaseModel):
    """What a reader chose."""

    name: str = "light"
    size: int = Field(10, alias="fontSize")


class Settings(BaseModel):
    """A nested model in a nested model."""

    theme: Theme = Theme()
    digest: bool = True
    words: dict[str, int] = {}


class Reader(Document):
    """A document with nested choices."""

    settings: Settings = Settings()
    tags: list[str] = ["new"]
    nick: str | None = Field(None, alias="nickName")
    made: str = Field(default_factory=lambda: "made")


def test_a_patch_keeps_what_it_does_not_name() -> None:
    """Members of nested objects stay, also those that the model does not know."""
    before = {"settings": {"theme": {"name": "dark", "glow": 1}, "digest": False, "beep": [1]}}
    after = patched(Reader, before, {"settings": {"theme": {"fontSize": 12}}})
    assert after == {
        "settings": {
            "theme": {"name": "dark", "fontSize": 12, "glow": 1},
            "digest": False,
            "words": {},
            "beep": [1],
        }
    }


def test_a_patch_may_remove() -> None:
    """Null removes a member: a field has its default again, a key of a dict is gone."""
    before = {"settings": {"digest": False, "words": {"a": 1, "b": 2}}, "nickName": "x", "tags": []}
    after = patched(
        Reader, before, {"settings": {"digest": None, "words": {"a": None}}, "nick": None}
    )
    assert after["settings"]["words"] == {"b": 2}
    assert Schema(Reader).load("1", "1", after).settings.digest is True
    assert Schema(Reader).load("1", "1", after).nick is None
    assert Schema(Reader).load("1", "1", patched(Reader, before, {"tags": None})).tags == ["new"]
    assert patched(Reader, before, {"settings": None, "made": None})["made"] == "made"
    with pytest.raises(InvalidData) as raised:
        patched(User, STORED, {"name": None})
    assert raised.value.errors[0]["loc"] == ("name",)


def test_a_patch_of_what_is_not_stored() -> None:
    """A patch of a field that is not stored starts from its static default."""
    after = patched(Reader, {}, {"settings": {"digest": False}})
    assert after["settings"]["theme"] == {"name": "light", "fontSize": 10}
    assert (
        patched(User, {"name": "Ada"}, {"address": {"city": "Rome"}})["address"]["city"] == "Rome"
    )


def test_a_patch_takes_both_names() -> None:
    """At the top the name of a field or its stored name may be used; unknown ones are refused."""
    for name in ("nick", "nickName"):
        assert patched(Reader, {"nickName": "x"}, {name: "y"}) == {"nickName": "y"}
    with pytest.raises(InvalidData, match="nope: unknown field"):
        patch(Schema(Reader), {"nope": 1})
    with pytest.raises(InvalidData, match="id: cannot be changed"):
        patch(Schema(Reader), {"id": "2"})
    with pytest.raises(InvalidData):
        patch(Schema(Reader), {"nick": 1, "nickName": 2})


@pytest.mark.parametrize("given", [None, [], "x", 1, [("nick", "x")], Reader()])
def test_a_patch_that_is_no_object(given: Any) -> None:
    """Only an object is a patch of a document."""
    with pytest.raises(InvalidArgument, match="a patch must be a JSON object"):
        patch(Schema(Reader), given)


@pytest.mark.parametrize("value", [math.nan, [math.inf], object(), {1}, b"a", SecretStr("x")])
def test_a_patch_with_what_is_no_json(value: Any) -> None:
    """It is refused with the field's name."""
    with pytest.raises(InvalidData) as raised:
        patch(Schema(Reader), {"nick": value})
    assert raised.value.errors[0]["loc"] == ("nick",)


# --- rewrite


def rewritten(model: type[Document], before: Any) -> dict[str, Any] | None:
    """Return the stored fields after a rewrite; None if it changes nothing."""
    step = rewrite(Schema(model))
    revised = step("1", "7", before)
    if revised is None:
        return None
    assert step("1", "7", revised.fields) is None
    return revised.fields


def test_rewrite_brings_fields_under_their_names() -> None:
    """Old names go, defaults are stored, and fields that the model does not know stay."""
    before = {"name": "A", "both": "Ada King", "other": {"a": 1}}
    assert rewritten(Renamed, before) == {
        "full": "A",
        "first": "Ada King",
        "last": "Ada King",
        "other": {"a": 1},
    }
    assert rewritten(User, {"name": "Ada", "tags": ["a"]}) == {
        "name": "Ada",
        "birthYear": None,
        "died": None,
        "address": None,
        "tags": ["a"],
    }


def test_rewrite_keeps_what_is_unknown_inside() -> None:
    """Members of nested objects that the model does not know stay as well."""
    before = {"settings": {"theme": {"glow": 1}, "beep": 1}}
    after = rewritten(Reader, before)
    assert after is not None
    assert after["settings"]["theme"] == {"name": "light", "fontSize": 10, "glow": 1}
    assert after["settings"]["beep"] == 1


def test_rewrite_leaves_what_is_as_it_is() -> None:
    """What a repository has written needs no rewriting."""
    user = User(name="Ada", born=1915, address=Address(city="London"), tags=["a"])
    assert rewritten(User, Schema(User).new(user).fields) is None


def test_rewrite_of_what_does_not_fit() -> None:
    """A document that cannot be read cannot be rewritten."""
    with pytest.raises(DecodeFailed) as raised:
        rewritten(User, {"name": "x"})
    assert raised.value.data == {"id": "1"}


def test_a_patch_names_nested_members_that_the_model_stores() -> None:
    """A misspelt one, or a former alias, is refused, with its place; null may name anything."""

    class Theme(BaseModel):
        colour: str = Field("red", validation_alias=AliasChoices("colour", "color"))
        sizes: dict[str, int] = Field(default_factory=dict)

    class Owner(Document):
        theme: Theme = Theme()
        more: dict[str, Any] = Field(default_factory=dict)

    schema = Schema(Owner)
    stored = {"theme": {"colour": "blue", "color": "old", "left": 1}}
    for wrong in ({"color": "green"}, {"colur": "green"}):
        with pytest.raises(InvalidData) as caught:
            patch(schema, {"theme": wrong})("a", "1", stored)
        assert [error["loc"] for error in caught.value.errors] == [("theme", *wrong)]
    step = patch(schema, {"theme": {"sizes": {"s": 1}, "left": None}, "more": {"any": {"deep": 1}}})
    revised = step("a", "1", stored)
    assert revised is not None
    assert revised.fields["theme"] == {"colour": "blue", "color": "old", "sizes": {"s": 1}}
    assert revised.document.more == {"any": {"deep": 1}}


def test_rewrite_leaves_sets_in_any_order() -> None:
    """A set is written in the order in which it iterates, which may differ each time."""

    class Box(Document):
        colours: set[str]
        sizes: list[int] = [3, 1]

    schema = Schema(Box)
    names = [f"colour {number}" for number in range(50)]
    for _ in range(20):
        stored = {"colours": names[::-1], "sizes": [3, 1]}
        assert rewrite(schema)("a", "1", stored) is None
    assert rewrite(schema)("a", "1", {"colours": names[:-1]}) is not None
