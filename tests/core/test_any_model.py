"""Models that hypothesis makes: every value comes back equal in value and type, or is refused."""

from __future__ import annotations

import enum
import os
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, create_model

from datapatterns.core.codecs import dumps, loads
from datapatterns.core.documents import Document
from datapatterns.core.model_json import same
from datapatterns.core.revisions import patch, rewrite, update
from datapatterns.core.schema import Schema
from datapatterns.errors import InvalidArgument, InvalidData

EXAMPLES = int(os.environ.get("DATAPATTERNS_MODELS", "300"))


class Colour(enum.Enum):
    """An enumeration of two types."""

    RED = "red"
    TWO = 2


class Part(BaseModel):
    """A nested model."""

    number: int = 0
    text: str | None = Field(None, alias="aText")

    model_config = ConfigDict(populate_by_name=True)


class More(Part):
    """Its subclass."""

    more: int = 1


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.sampled_from([b"x", Decimal("1.0"), (1,), {1}, Colour.RED, {1: 1}]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
ZONES = st.none() | st.integers(-1_000, 1_000).map(lambda n: timezone(timedelta(minutes=n)))
PARTS = st.builds(Part, number=st.integers(), text=st.none() | st.text(max_size=4))
# A type, values that mostly fit it, and constraints.
SCALARS: list[tuple[Any, st.SearchStrategy[Any], list[dict[str, Any]]]] = [
    (int, st.integers(), [{}, {"ge": 0}, {"multiple_of": 3}]),
    (float, st.floats(), [{}, {"lt": 100}]),
    (bool, st.booleans(), [{}]),
    (str, st.text(max_size=8), [{}, {"min_length": 1}, {"pattern": "^[a-z]*$"}]),
    (bytes, st.binary(max_size=6), [{}, {"max_length": 4}]),
    (
        Decimal,
        st.decimals(allow_nan=False) | st.just(Decimal("NaN")),
        [{}, {"ge": 0}, {"decimal_places": 2}],
    ),
    (UUID, st.uuids(), [{}]),
    (date, st.dates(), [{}]),
    (time, st.times(), [{}]),
    (datetime, st.datetimes(timezones=ZONES), [{}]),
    (timedelta, st.timedeltas(), [{}]),
    (Colour, st.sampled_from(Colour), [{}]),
    (Literal["a", 1], st.sampled_from(["a", 1]), [{}]),
    (Part, PARTS | st.builds(More), [{}]),
    (Any, ANY, [{}]),
    (int | str, st.integers() | st.text(max_size=3), [{}]),
    (int | float | None, st.integers() | st.floats() | st.none(), [{}]),
]


@st.composite
def typed(draw: st.DrawFn) -> tuple[Any, st.SearchStrategy[Any]]:
    """Draw a type, alone or in a container, and a strategy for its values."""
    kind, values, limits = draw(st.sampled_from(SCALARS))
    if limit := draw(st.sampled_from(limits)):
        kind = Annotated[kind, Field(**limit)]
    shape = draw(st.sampled_from(["one", "one", "maybe", "list", "tuple", "dict", "set", "keys"]))
    if shape == "maybe":
        return kind | None if kind is not Any else Any, values | st.none()
    if shape == "list":
        return list[kind], st.lists(values, max_size=3)
    if shape == "tuple":
        return tuple[kind, ...], st.lists(values, max_size=3).map(tuple)
    if shape == "dict":
        return dict[str, kind], st.dictionaries(st.text(max_size=3), values, max_size=3)
    if shape == "set" and kind in (int, str, bytes, UUID, date, Decimal):
        return set[kind], st.frozensets(values, max_size=3).map(set)
    if shape == "keys" and kind in (int, str, UUID, date, Decimal, float):
        return dict[kind, int], st.dictionaries(values, st.integers(), max_size=3)
    return kind, values


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """Draw a model with aliases, defaults and constraints, and a document of it."""
    fields: dict[str, Any] = {}
    values: dict[str, Any] = {}
    for number in range(draw(st.integers(1, 4))):
        name = f"f{number}"
        kind, strategy = draw(typed())
        alias = draw(st.sampled_from(["none", "alias", "choices", "same"]))
        options: dict[str, Any] = {
            "none": {},
            "alias": {"alias": f"a{number}"},
            "choices": {"validation_alias": AliasChoices(f"old{number}", name)},
            "same": {"validation_alias": f"s{number}", "serialization_alias": f"s{number}"},
        }[alias]
        if draw(st.booleans()):
            options["default"] = draw(strategy)
        fields[name] = (kind, Field(**options))
        if "default" not in options or draw(st.booleans()):
            values[name] = draw(strategy)
    config = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "strict": st.just(True),
                "frozen": st.just(True),
                "validate_assignment": st.just(True),
                "extra": st.sampled_from(["forbid", "allow"]),
                "use_enum_values": st.just(True),
                "ser_json_bytes": st.just("base64"),
                "ser_json_timedelta": st.just("float"),
            },
        )
    )
    base = type(
        "Base",
        (Document,),
        {"model_config": {**config, "populate_by_name": True}, "__module__": __name__},
    )
    model: Any = create_model("Made", __base__=base, **fields)
    if draw(st.booleans()):  # as a program that validates nothing makes it
        return model.model_construct(id="1", **values)
    try:
        return model(id="1", **values)
    except ValueError:
        return model.model_construct(id="1", **values)


def check_same(found: Document, document: Document) -> None:
    """Fail unless the fields are equal, and of the same types where JSON has several."""
    for name in type(document).model_fields.keys() - {"rev"}:
        one, other = getattr(found, name), getattr(document, name)
        assert same(other, one), (name, other, one)
        assert same(one, other), (name, one, other)


@pytest.mark.slow
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(documents())
def test_no_value_changes_silently(document: Document) -> None:
    """What is written is read equal by every way of reading, and again after every revision."""
    model: Any = type(document)
    try:
        schema = Schema(model)
        written = schema.new(document)
    except (InvalidArgument, InvalidData):
        return
    fields = loads(written.data)
    for found in (
        written.stored("7"),
        schema.load("1", "7", fields),
        schema.load_json("1", "7", written.data),
    ):
        check_same(found, document)
    assert rewrite(schema)("1", "7", fields) is None
    names = schema.fields.keys()
    revised = update(schema, {name: getattr(document, name) for name in names})("1", "7", fields)
    assert revised is not None
    check_same(revised.document, document)
    check_same(schema.load("1", "7", revised.fields), document)
    # A member that is null is removed by a patch, so only the others are patched.
    plain = {name: value for name, value in fields.items() if b"null" not in json_of(value)}
    known = {name: plain[name] for name in plain if name in schema.stored_names}
    patched = patch(schema, known)("1", "7", fields)
    assert patched is not None
    check_same(patched.document, document)


def json_of(value: Any) -> bytes:
    """Return the JSON of a value."""
    return dumps(value)
