"""Models through JSON: what is kept, what is refused, and with which place."""

from __future__ import annotations

import dataclasses
import enum
import math
from collections import OrderedDict, defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from pydantic import (
    BaseModel,
    ConfigDict,
    PrivateAttr,
    SerializeAsAny,
    computed_field,
    create_model,
    field_validator,
    model_serializer,
    model_validator,
)

from datapatterns.core.model_json import ModelJson, differences, joined, same
from datapatterns.errors import InvalidArgument, InvalidData, Unavailable

T = TypeVar("T")
BERLIN = ZoneInfo("Europe/Berlin")
FIRST = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN)
SECOND = FIRST.replace(fold=1)  # the same reading of the clock, an hour later


def kept(instance: Any) -> Any:
    """Write the instance, read it, check that it is kept, and return what was read."""
    json = ModelJson[Any](type(instance))
    data = json.write(instance)
    read = json.read(data)
    json.check_kept(instance, data, read)
    return read


def lost(instance: Any) -> list[tuple[str | int, ...]]:
    """Return the places that the refusal of the instance names."""
    with pytest.raises(InvalidData) as raised:
        kept(instance)
    return [error["loc"] for error in raised.value.errors]


def holding(value: Any, kind: Any = Any) -> BaseModel:
    """Return an instance of a model with this value in a field of this type."""
    model = create_model("Holding", value=(kind, ...))
    return model.model_construct(value=value)


class Animal(BaseModel):
    """A base class."""

    name: str = ""


class Dog(Animal):
    """A subclass, of which the base class knows less."""

    breed: str = "mutt"


class Careless(BaseModel):
    """A model whose equality sees nothing."""

    number: int = 0

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None


class MoreCareless(Careless):
    """Its subclass."""

    more: int = 0


@dataclasses.dataclass
class Point:
    """A dataclass, with a field that its equality leaves out."""

    x: int
    note: Any = dataclasses.field(default=None, compare=False)


@dataclasses.dataclass
class Hour:
    """A dataclass with a moment."""

    at: datetime


class Pair(NamedTuple):
    """A named tuple."""

    one: int
    two: str


class Colour(enum.Enum):
    """An enumeration, whose members have no equality of their own."""

    RED = "red"


class Plain:
    """A class without an equality, which pydantic can be told to keep."""

    def __init__(self, value: Any) -> None:
        self.value = value


class Equal:
    """A class whose equality fails."""

    def __eq__(self, other: object) -> bool:
        raise ValueError("ambiguous")

    __hash__ = None


# --- comparison

SAME: list[tuple[Any, Any]] = [
    (1, 1),
    (1, 1.0),
    ("a", "a"),
    (Decimal("1.50"), Decimal("1.5")),
    (UUID(int=1), UUID(int=1)),
    (date(2026, 1, 1), date(2026, 1, 1)),
    (timedelta(1), timedelta(days=1)),
    ([1, [2, {"a": None}]], [1, [2, {"a": None}]]),
    ((1, "a"), (1, "a")),
    (Pair(1, "a"), (1, "a")),
    ({1, 2}, {2, 1}),
    (defaultdict(int, a=1), {"a": 1}),
    (OrderedDict(a=1, b=2), {"b": 2, "a": 1}),
    (Point(1, "a"), Point(1, "a")),
    (Colour.RED, Colour.RED),
    (Plain([1]), Plain([1])),
    (Dog(name="Rex"), Dog(name="Rex")),
    (SECOND, SECOND.astimezone(UTC)),
    ([Hour(SECOND)], [Hour(SECOND.astimezone(UTC))]),
    ({"at": (SECOND, 1)}, {"at": (SECOND.astimezone(UTC), 1)}),
    (Careless(number=1), Careless(number=1)),
]
DIFFERENT: list[tuple[Any, Any]] = [
    (1, 2),
    (1, "1"),
    (None, 0),
    (Decimal(1), "1"),
    (math.nan, float("nan")),
    (Decimal("sNaN"), Decimal("sNaN")),
    ((1,), [1]),
    ([1], (1,)),
    ([1], [1, 2]),
    ({1}, [1]),
    ({1: 1}, {"1": 1}),
    ({"a": 1}, [("a", 1)]),
    (b"a", "a"),
    (Point(1, (1,)), Point(1, [1])),
    (Point(1), {"x": 1, "note": None}),
    (Plain(1), Plain(2)),
    (Plain(object()), Plain(object())),
    (Equal(), Equal()),
    (Dog(), Animal()),
    (Animal(), Dog()),
    (Animal(), {"name": ""}),
    ({"name": ""}, Animal()),
    (FIRST, SECOND.astimezone(UTC)),
    (FIRST, SECOND),
    (SECOND.replace(tzinfo=None), SECOND.astimezone(UTC)),
    (Careless(number=1), Careless(number=2)),
    (MoreCareless(), Careless()),
    ([MoreCareless()], [Careless()]),
    ({"a": (MoreCareless(),)}, {"a": (Careless(),)}),
]


@pytest.mark.parametrize(("given", "read"), SAME)
def test_the_same(given: Any, read: Any) -> None:
    """Equal values are the same, whatever zone a moment is in and whatever a class compares."""
    assert same(given, read)
    assert list(differences(given, read)) == []


@pytest.mark.parametrize(("given", "read"), DIFFERENT)
def test_not_the_same(given: Any, read: Any) -> None:
    """Other values differ, also if an equality that somebody wrote says otherwise."""
    assert not same(given, read)
    assert list(differences(given, read)) != []
    assert not same([given], [read])
    assert not same({"a": given}, {"a": read})


def test_the_places_of_differences() -> None:
    """Places are those in the structure, as deep as both sides have one."""
    given = {"a": [1, {"b": (1,), "c": Point(1, 2)}], "d": [1], "only": 1, "dog": Dog(name="Rex")}
    read = {"a": [1, {"b": [1], "c": Point(1, 3)}], "d": [1, 2], "other": 1, "dog": Dog(name="")}
    assert sorted(differences(given, read), key=repr) == [
        ("a", 1, "b"),
        ("a", 1, "c", "note"),
        ("d",),
        ("dog", "name"),
        ("only",),
        ("other",),
    ]


def test_what_no_comparison_sees() -> None:
    """Private attributes and cached properties are no part of what is stored."""

    class Private(BaseModel):
        number: int = 1
        _calls: int = PrivateAttr(0)

        def call(self) -> None:
            self._calls += 1

        @cached_property
        def double(self) -> int:
            return 2 * self.number

    one = Private()
    one.call()
    assert one.double == 2
    assert kept(one) == Private()
    assert same([one], [Private()])


def test_extra_fields_are_compared() -> None:
    """A field that the model allows but does not know counts like any other."""

    class Open(BaseModel, extra="allow"):
        a: int = 1

    assert kept(Open.model_validate({"b": [1, None]})).model_extra == {"b": [1, None]}
    assert lost(Open.model_validate({"b": (1,)})) == [("b",)]


def test_a_generic_model_is_one_model() -> None:
    """A parametrized instance equals one without parameters, as it does for pydantic."""

    class Box(BaseModel, Generic[T]):
        value: T

    assert same(Box[int](value=1), Box(value=1))
    assert not same(Box[int](value=1), Box(value=2))


# --- what is written

LOST: list[tuple[Any, Any]] = [
    ((1,), Any),
    ({1}, Any),
    (b"a", Any),
    (Decimal(1), Any),
    (datetime(2026, 1, 1), Any),
    (Colour.RED, Any),
    (Dog(), Any),
    ({1: 2}, Any),
    (Dog(), Animal),
    ([Dog()], list[Animal]),
    ({"rex": Dog()}, dict[str, Animal]),
    (Dog(), SerializeAsAny[Animal]),
    (MoreCareless(), Careless),
    (math.nan, float),
    (math.inf, Any),
    ([{"a": -math.inf}], Any),
    (Plain(1), Any),
    ("\ud800", str),
    (b"\xff", bytes),
    ("x", int),
    ("1", int),
    (object(), Any),
]


@pytest.mark.parametrize(("value", "kind"), LOST)
def test_values_that_are_lost(value: Any, kind: Any) -> None:
    """What would be read as another value, or not at all, is refused with the field's name."""
    places = lost(holding(value, kind))
    assert [place[0] for place in places] == ["value"] * len(places)
    assert places


def test_the_place_of_a_number_that_is_none() -> None:
    """NaN and infinity are named with their places, also inside of other values."""
    assert lost(holding({"a": [1, math.nan], "b": math.inf})) == [("value", "a", 1), ("value", "b")]
    assert kept(holding("NaN, -Infinity", str)).value == "NaN, -Infinity"


@pytest.mark.parametrize("mode", ["null", "strings", "constants"])
def test_a_number_that_is_none_in_any_config(mode: Any) -> None:
    """No setting of the model, or of a model in it, lets NaN or infinity become another value."""

    class Inner(BaseModel):
        model_config = ConfigDict(ser_json_inf_nan=mode)
        number: float | None = None
        any: Any = None

    class Outer(BaseModel):
        inner: Inner
        many: list[Inner] = []

    assert lost(Inner(number=math.nan)) == [("number",)]
    assert lost(Inner(any=[math.inf])) == [("any", 0)]
    if mode == "strings":
        assert kept(Inner(number=-math.inf)).number == -math.inf
    else:
        assert lost(Outer(inner=Inner(number=-math.inf))) == [("inner", "number")]
    assert lost(Outer(inner=Inner(), many=[Inner(), Inner(any=math.nan)])) == [("many", 1, "any")]


def test_a_validator_that_changes_what_it_has_made() -> None:
    """A validator that is not idempotent would change a value at each reading: it is refused."""

    class Counted(BaseModel):
        number: int = 0

        @field_validator("number")
        @classmethod
        def _count(cls, value: int) -> int:
            return value + 1

    class Marked(BaseModel):
        name: str = ""

        @model_validator(mode="after")
        def _mark(self) -> Marked:
            self.name += "!"
            return self

    assert lost(Counted(number=1)) == [("number",)]
    assert lost(Marked(name="a")) == [("name",)]


def test_an_instance_of_a_subclass() -> None:
    """An instance of a subclass is no instance of the model; the message names both."""
    json = ModelJson(Animal)
    data = json.write(Dog())
    with pytest.raises(InvalidData, match="is a Dog, and would be read back as a Animal"):
        json.check_kept(Dog(), data, json.read(data))


@pytest.mark.parametrize("error", [KeyError("x"), RecursionError(), Unavailable("x"), OSError()])
def test_whatever_a_validator_raises(error: Exception) -> None:
    """It counts as a failed validation, on the way in and out, and quotes nothing."""

    class Picky(BaseModel):
        word: str

        @field_validator("word")
        @classmethod
        def _check(cls, value: str) -> str:
            if value == "bad":
                raise error
            return value

    json = ModelJson(Picky)
    for call in (
        lambda: json.read(b'{"word":"bad"}'),
        lambda: json.validate({"word": "bad"}),
        lambda: kept(Picky.model_construct(word="bad")),
    ):
        with pytest.raises(InvalidData, match=type(error).__name__) as raised:
            call()
        assert raised.value.__cause__ is error


def test_whatever_a_serializer_raises() -> None:
    """It is refused with the names of the fields, computed ones too."""

    class Broken(BaseModel):
        good: int = 1
        bad: Any = None

        @computed_field
        def worse(self) -> int:
            """Fail if there is a bad value."""
            return 1 // 0 if self.bad else 1

    json = ModelJson(Broken, computed=True)
    with pytest.raises(InvalidData) as raised:
        json.write(Broken(bad=object()))
    assert [error["loc"] for error in raised.value.errors] == [("bad",), ("worse",)]

    class Shaped(BaseModel):
        @model_serializer
        def write(self) -> dict[str, int]:
            raise KeyError("x")

    with pytest.raises(InvalidData, match="Shaped cannot be written as JSON"):
        ModelJson(Shaped).write(Shaped())


def test_json_that_is_none() -> None:
    """Bytes that are no JSON, or not an object of the model, are InvalidData."""
    json = ModelJson(Animal)
    for data in (b"", b"{", b"[]", b"\xff", b'{"name":1}', b"[" * 300, b"null"):
        with pytest.raises(InvalidData):
            json.read(data)


def test_fields_that_are_stored_apart() -> None:
    """`apart` leaves fields out, `computed` adds computed ones, `names` chooses."""

    class User(BaseModel):
        id: str
        first: str
        last: str

        @computed_field(alias="fullName")
        def full(self) -> str:
            """Return both names."""
            return f"{self.first} {self.last}"

    user = User(id="1", first="Ada", last="King")
    assert ModelJson(User).write(user) == b'{"id":"1","first":"Ada","last":"King"}'
    json = ModelJson(User, apart={"id"}, computed=True)
    assert json.write(user) == b'{"first":"Ada","last":"King","fullName":"Ada King"}'
    assert json.write(user, ["last"]) == b'{"last":"King","fullName":"Ada King"}'
    assert json.write(user, []) == b'{"fullName":"Ada King"}'
    assert joined(b"{}", b"{}") == b"{}"


def test_a_model_that_is_not_complete() -> None:
    """A forward reference that nobody defines is refused when the model is taken."""
    fields: Any = {"other": ("Nowhere", ...)}
    model = create_model("Incomplete", **fields)
    with pytest.raises(InvalidArgument, match="Incomplete is not complete"):
        ModelJson(model)
