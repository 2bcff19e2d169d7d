"""Values of any type as JSON: what is kept, what is refused and with which place, what it costs."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from typing import Any, NamedTuple

import pytest
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    SecretBytes,
    SecretStr,
    computed_field,
    field_validator,
    model_serializer,
    model_validator,
)

from datapatterns.core.codecs import dumps, loads
from datapatterns.core.json_values import write_value
from datapatterns.core.work_queue import Items
from datapatterns.errors import DecodeFailed, InvalidArgument, InvalidData


class Box(BaseModel):
    """A model that computes, and ignores what it does not know."""

    size: int = Field(default=1, alias="Size")

    @computed_field
    @property
    def area(self) -> int:
        """Return the square."""
        return self.size**2


class Closed(Box):
    """The same, but it refuses what it does not know."""

    model_config = ConfigDict(extra="forbid")


class Watchful(Box):
    """The same, but it counts the members before it reads them."""

    @model_validator(mode="before")
    @classmethod
    def only_one(cls, values: Any) -> Any:
        """Refuse more than one member."""
        if len(values) > 1:
            raise ValueError("too many")
        return values


class Short(BaseModel):
    """A model that is a number in JSON."""

    number: int = 5

    @model_serializer
    def plain(self) -> int:
        """Return the number."""
        return self.number

    @model_validator(mode="before")
    @classmethod
    def of_number(cls, value: Any) -> Any:
        """Read a number."""
        return {"number": value} if isinstance(value, int) else value


class Numbers(RootModel[list[int]]):
    """A model that is a list in JSON."""


class Vault(BaseModel):
    """A model with a secret."""

    key: SecretStr = SecretStr("hunter2")


class Level(IntEnum):
    """A number with a name."""

    HIGH = 7


class Pair(NamedTuple):
    """A tuple with names."""

    one: Any
    two: Any = None


@dataclass
class Point:
    """A dataclass."""

    x: Any


@pytest.mark.parametrize(
    ("value", "data"),
    [
        ({"a": [1, 1.5, None, True, "x"]}, b'{"a":[1,1.5,null,true,"x"]}'),
        (Box(Size=3), b'{"Size":3,"area":9}'),
        (Closed(Size=3), b'{"Size":3}'),
        (Watchful(Size=3), b'{"Size":3}'),
        (Short(number=8), b"8"),
        (Numbers([1, 2]), b"[1,2]"),
        ({"box": [Closed(), (Short(),)]}, b'{"box":[{"Size":1},[5]]}'),
        ({1: "one", 2: Short()}, b'{"1":"one","2":5}'),
        (Pair(1, Point(deque([date(2014, 1, 15)]))), b'[1,{"x":["2014-01-15"]}]'),
        ([Level.HIGH], b"[7]"),
    ],
)
def test_values_and_their_json(value: Any, data: bytes) -> None:
    """Models are written so that their class reads them; other values as by `dumps`."""
    assert write_value(value) == data


@pytest.mark.parametrize(
    ("value", "places"),
    [
        (math.nan, [()]),
        (Pair(math.inf), [(0,)]),
        (deque([1, -math.inf]), [(1,)]),
        (
            {"a": Point(math.nan), "b": Point([SecretBytes(b"hunter2")])},
            [("a", "x"), ("b", "x", 0)],
        ),
        ({"v": [Vault(), Vault()]}, [("v", 0, "key"), ("v", 1, "key")]),
        ({SecretStr("hunter2"): 1}, [()]),
        ({"a": {1: 1, "1": 2}}, [("a",)]),
        ([Numbers.model_construct(root=["x"])], [(0, 0)]),
    ],
)
def test_what_would_be_lost_is_named(value: Any, places: Any) -> None:
    """InvalidData has the place of each, and quotes nothing."""
    with pytest.raises(InvalidData) as raised:
        write_value(value)
    assert [error["loc"] for error in raised.value.errors] == places
    assert "hunter2" not in f"{raised.value} {raised.value.problem()}"


@pytest.mark.parametrize("value", [{1}, b"x", object(), "\ud800", [{"a": iter([1])}], [10**5000]])
def test_what_is_no_json(value: Any) -> None:
    """Any other value that JSON cannot hold is InvalidArgument."""
    with pytest.raises(InvalidArgument):
        write_value(value)


def test_values_that_contain_themselves() -> None:
    """They are refused, in a moment, however often they contain themselves."""
    lists: list[Any] = []
    lists += [lists, lists]
    members: dict[Any, Any] = {}
    members.update(a=members, b=(members,))
    for value in (lists, members, (lists, members), {1: lists}):
        with pytest.raises(InvalidArgument):
            write_value(value)


def test_plain_values_are_written_as_dumps_does() -> None:
    """At any depth that `loads` reads."""
    nested: Any = 1
    for level in range(190):
        nested = [nested] if level % 2 else {"a": nested}
    assert write_value(nested) == dumps(nested)
    assert write_value((nested,)) == dumps([nested])


class Poison(BaseModel):
    """A model with a validator that raises an error of its own kind."""

    number: int

    @field_validator("number")
    @classmethod
    def look_up(cls, value: int) -> int:
        """Find nothing."""
        raise KeyError(value)


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b'{"number":1}', {"number": 1}),
        (b'{"number":NaN}', '{"number":NaN}'),
        (b'{"number"', '{"number"'),
        (b"\xff", "\N{REPLACEMENT CHARACTER}"),
        (b"", ""),
        (b"[" * 300 + b"]" * 300, "[" * 300 + "]" * 300),
        (b"1" * 700, int("1" * 700)),
    ],
)
def test_items_that_cannot_be_decoded(data: bytes, shown: Any) -> None:
    """They are DecodeFailed, and are shown as JSON values, else as text."""
    items = Items(Poison)
    with pytest.raises(DecodeFailed):
        items.decode(data)
    assert items.show(data) == shown
    assert Items[Any](None).show(data) == shown
    assert loads(write_value(shown)) == shown
