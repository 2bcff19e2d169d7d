"""The tests of what a work queue promises of its items: what goes in comes out, or is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar
from uuid import UUID

import pytest
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    Json,
    PrivateAttr,
    SecretStr,
    computed_field,
    field_serializer,
    field_validator,
)

from datapatterns import AsyncStore
from datapatterns.core.work_queue import QueueStats
from datapatterns.errors import DecodeFailed, InvalidArgument, InvalidData
from datapatterns.testing.conformance._async.work_queue import drained, take

T = TypeVar("T")


class Order(BaseModel):
    """A model that refuses to read what it computes."""

    model_config = ConfigDict(extra="forbid")

    price: int

    @computed_field  # type: ignore[prop-decorator]  # https://github.com/python/mypy/issues/1362
    @property
    def gross(self) -> int:
        """Twice the price."""
        return self.price * 2


class RushOrder(Order):
    """A subclass with a field that the base class does not have."""

    hours: int = 1


class Strict(BaseModel):
    """A model that converts nothing."""

    model_config = ConfigDict(strict=True, frozen=True, validate_assignment=True)

    day: date
    moment: datetime
    wait: timedelta
    key: UUID
    pair: tuple[int, str]


class Form(BaseModel):
    """A model with other names and types in JSON."""

    sender: str = Field(alias="from")
    body: Json[dict[str, int]]
    price: Decimal = Decimal("1.50")
    tags: set[str] = {"a"}
    data: bytes = b"abc"

    _seen: int = PrivateAttr(0)


class Colour(Enum):
    """A choice."""

    RED = "red"


class Cat(BaseModel):
    """One of two kinds."""

    kind: Literal["cat"] = "cat"
    colour: Colour = Colour.RED


class Dog(BaseModel):
    """The other kind."""

    kind: Literal["dog"] = "dog"


class Owner(BaseModel, Generic[T]):
    """A generic model of a union of kinds."""

    pet: Annotated[Cat | Dog, Field(discriminator="kind")]
    more: T


class Key(BaseModel):
    """A secret that is written as it is."""

    value: SecretStr

    @field_serializer("value", when_used="json")
    def reveal(self, value: SecretStr) -> str:
        """Return the text of the secret."""
        return value.get_secret_value()


class Loose(BaseModel):
    """A model that has any value."""

    value: Any = None
    share: float | None = None


class Sealed(BaseModel):
    """A model whose secret is masked in JSON."""

    password: SecretStr


class Hidden(BaseModel):
    """A model with a field that is left out of JSON."""

    note: str = Field(default="", exclude=True)


class Renamed(BaseModel):
    """A model that writes a name which it does not read."""

    mail: str = Field(default="", serialization_alias="e_mail")


class Poison(BaseModel):
    """A model whose validator raises an error of its own kind."""

    number: int

    @field_validator("number")
    @classmethod
    def look_up(cls, value: int) -> int:
        """Look the value up in a table that does not have 13."""
        if value == 13:
            raise KeyError(value)
        return value


@dataclass
class Note:
    """A dataclass with any value."""

    text: Any


MOMENT = datetime(2014, 1, 15, 9, tzinfo=UTC)
STRICT: dict[str, Any] = {
    "day": date(2014, 1, 15),
    "moment": MOMENT,
    "wait": timedelta(hours=1.5),
    "key": UUID(int=7),
    "pair": (1, "a"),
}
KEPT: list[tuple[type[BaseModel], dict[str, Any]]] = [
    (Order, {"price": 1}),
    (Strict, STRICT),
    (Form, {"from": "ada", "body": '{"a": 1}'}),
    (Owner[int], {"pet": Cat(), "more": 5}),
    (Owner[Order], {"pet": {"kind": "dog"}, "more": Order(price=1)}),
    (Key, {"value": SecretStr("s3cret")}),
    (Loose, {"value": [1, {"a": None}], "share": 0.5}),
    (Loose, {"value": 7**828}),  # of 700 digits
]
LOST: list[tuple[type[BaseModel], Any, list[tuple[int | str, ...]]]] = [
    (Order, RushOrder(price=1), [()]),
    (Loose, Loose(value=(1, 2)), [("value",)]),
    (Loose, Loose(value={"at": MOMENT}), [("value", "at")]),
    (Loose, Loose(value=[SecretStr("s3cret")]), [("value", 0)]),
    (Loose, Loose(value=Order(price=1)), [("value",)]),
    (Loose, Loose(share=math.nan), [("share",)]),
    (Loose, Loose(value=[1, math.inf]), [("value", 1)]),
    (Poison, Poison.model_construct(number=13), [()]),
]
NOT_JSON: list[tuple[Any, list[tuple[int | str, ...]]]] = [
    (math.nan, [()]),
    ({"a": [1, {"b": math.inf}]}, [("a", 1, "b")]),
    ((1, -math.inf), [(1,)]),
    ({"password": SecretStr("s3cret")}, [("password",)]),
    ([Note(SecretStr("s3cret")), Note(math.nan)], [(0, "text"), (1, "text")]),
    (Sealed(password=SecretStr("s3cret")), [("password",)]),
    ({"login": [Sealed(password=SecretStr("s3cret"))]}, [("login", 0, "password")]),
    (Hidden(note="mine"), [("note",)]),
    ({1: "one", "1": "another"}, [()]),
]


async def assert_invalid(call: Callable[[Any], Any], item: Any, places: Any) -> None:
    """Assert that the call with this item is InvalidData, with these places and no value."""
    with pytest.raises(InvalidData) as raised:
        await call(item)
    assert [error["loc"] for error in raised.value.errors] == places
    assert "s3cret" not in f"{raised.value} {raised.value.problem()}"


class TestQueueItems:
    """Tests that `target.work_queue` hands out what was pushed, or refuses the push."""

    pattern: ClassVar[str] = "work_queue"

    @pytest.mark.parametrize(("model", "fields"), KEPT)
    async def test_a_model_comes_back_equal(
        self, target: AsyncStore, model: type[BaseModel], fields: dict[str, Any]
    ) -> None:
        """An instance, and a dict of its fields, are delivered as an equal instance."""
        queue = target.work_queue("mail", model)
        item = model.model_validate(fields)
        await queue.push(item)
        await queue.push(fields)
        await queue.push_many([item, fields])
        assert await drained(queue) == [item] * 4

    @pytest.mark.parametrize(("model", "item", "places"), LOST)
    async def test_what_would_be_another_value_is_refused(
        self, target: AsyncStore, model: type[BaseModel], item: Any, places: Any
    ) -> None:
        """The push of an instance that would be read as another one names the fields."""
        queue = target.work_queue("mail", model)
        await assert_invalid(queue.push, item, places)
        await assert_invalid(queue.push_many, [item], places)
        if type(item) is model:
            await assert_invalid(queue.push, dict(item), places)
        assert await queue.stats() == QueueStats(0, 0, 0, 0, 0)

    @pytest.mark.parametrize(("item", "places"), NOT_JSON)
    async def test_what_would_be_lost_without_a_model_is_refused(
        self, target: AsyncStore, item: Any, places: Any
    ) -> None:
        """Without a model too, the push names the places of NaN, of secrets, of lost fields."""
        queue = target.work_queue("mail")
        await assert_invalid(queue.push, item, places)
        await assert_invalid(queue.push_many, [item], places)
        assert await queue.stats() == QueueStats(0, 0, 0, 0, 0)

    @pytest.mark.parametrize(("model", "fields"), KEPT)
    async def test_a_model_can_be_validated_again(
        self, target: AsyncStore, model: type[BaseModel], fields: dict[str, Any]
    ) -> None:
        """An instance pushed without a model is delivered as a dict that the model can read."""
        item = model.model_validate(fields)
        await target.work_queue("mail").push(item)
        assert await drained(target.work_queue("mail", model)) == [item]

    @pytest.mark.parametrize("model", [Sealed, Hidden, Renamed])
    async def test_a_model_that_loses_fields_is_refused(
        self, target: AsyncStore, model: type[BaseModel]
    ) -> None:
        """A queue is not made for a model that cannot come back, and the error names the field."""
        with pytest.raises(InvalidArgument, match=next(iter(model.model_fields))):
            target.work_queue("mail", model)

    async def test_a_validator_may_raise_anything(self, target: AsyncStore) -> None:
        """Another error than ValueError makes an item a dead letter, and the next one is taken."""
        plain, queue = target.work_queue("mail"), target.work_queue("mail", Poison)
        await plain.push({"number": 13}, id="bad")
        await queue.push(Poison(number=1))
        with pytest.raises(DecodeFailed) as raised:
            await queue.take()
        assert raised.value.data["id"] == "bad"
        assert (await take(queue)).item == Poison(number=1)
        [letter] = await queue.dead_letters()
        assert (letter.id, letter.item, letter.attempts) == ("bad", {"number": 13}, 1)
