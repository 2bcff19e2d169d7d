"""Encodings: values come back equal, and what cannot is refused."""

from __future__ import annotations

import datetime
import enum
import json
import math
import re
from collections import OrderedDict
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from datapatterns.core.codecs import CODECS, Codec, NamedCodec, codec, decode, dumps, encode, loads
from datapatterns.errors import Conflict, DecodeFailed, InvalidArgument

NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


class Model(BaseModel):
    """Something that pydantic writes."""

    n: float = 1.5
    tags: set[str] = {"a"}


@dataclass
class Point:
    """Something else that it writes."""

    x: float


class Color(enum.Enum):
    """An enum."""

    RED = "red"


def nested(levels: int, value: Any = 1, *, objects: bool = False) -> Any:
    """Return the value within this number of lists or objects."""
    for _ in range(levels):
        value = {"a": value} if objects else [value]
    return value


@given(JSON)
def test_json_comes_back(value: Any) -> None:
    """A value comes back equal and of the same type, also through another reader of JSON."""
    data = dumps(value)
    assert repr(loads(data)) == repr(value)
    assert json.loads(data) == value


@given(JSON)
def test_json_of_others_is_read(value: Any) -> None:
    """JSON of other programs is read as bytes and as text, with spaces and without."""
    for text in (json.dumps(value), json.dumps(value, indent=1, ensure_ascii=False)):
        assert loads(text) == loads(text.encode()) == value


def test_json_is_compact() -> None:
    """JSON is UTF-8 without spaces, in the order of the object."""
    assert dumps({"b": [1, 2.5, None], "a": "é"}) == '{"b":[1,2.5,null],"a":"é"}'.encode()


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ((1, (2,)), [1, [2]]),
        (Model(), {"n": 1.5, "tags": ["a"]}),
        (
            {"model": Model(), "points": [Point(0.5)]},
            {"model": {"n": 1.5, "tags": ["a"]}, "points": [{"x": 0.5}]},
        ),
        (datetime.date(2026, 1, 2), "2026-01-02"),
        (Decimal("1.50"), "1.50"),
        (Color.RED, "red"),
        (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        ({1: "a"}, {"1": "a"}),
        (True, True),
    ],
    ids=repr,
)
def test_what_pydantic_can_write(value: Any, written: Any) -> None:
    """A value of another type is written as pydantic writes it."""
    assert loads(dumps(value)) == written


def generator() -> Any:
    """Return an iterator, which can be read only once."""
    yield 1


NO_JSON: list[Any] = [
    math.nan,
    math.inf,
    -math.inf,
    {1, 2},
    frozenset(),
    b"bytes",
    bytearray(b"bytes"),
    memoryview(b"bytes"),
    1j,
    object(),
    object,
    len,
    ...,
    range(3),
    generator(),
    iter([1]),
    ValueError("x"),
    "\ud800",
    "a\udfff",
    Point(math.nan),
    Model.model_construct(n=math.inf),
]


@pytest.mark.parametrize("value", NO_JSON, ids=lambda value: type(value).__name__)
def test_what_is_no_json(value: Any) -> None:
    """What JSON cannot hold is InvalidArgument at any depth, and is not quoted."""
    for given_ in (value, [value], {"a": [{"b": value}]}, (value,), [1, [Model(), value]]):
        with pytest.raises(InvalidArgument) as caught:
            dumps(given_)
        assert "bytes'" not in str(caught.value)


@pytest.mark.parametrize("key", [b"\xff", "\ud800", frozenset(), ...], ids=ascii)
def test_keys_that_json_cannot_have(key: Any) -> None:
    """A dict with keys that JSON cannot have is InvalidArgument."""
    with pytest.raises(InvalidArgument):
        dumps({"a": {key: 1}})


def test_words_that_look_like_nan() -> None:
    """Strings such as "NaN" are ordinary strings."""
    for value in ("NaN", ["Infinity"], {"NaN": "-Infinity"}, {"model": Model(tags={"NaN"})}):
        assert loads(dumps(value)) in (value, {"model": {"n": 1.5, "tags": ["NaN"]}})


def test_a_value_that_holds_itself() -> None:
    """A value that contains itself is InvalidArgument."""
    value: list[Any] = []
    value.append(value)
    with pytest.raises(InvalidArgument):
        dumps(value)
    with pytest.raises(InvalidArgument):
        dumps({"a": value})


@pytest.mark.parametrize("objects", [False, True])
@pytest.mark.parametrize("inner", [1, (), Point(1.0)], ids=repr)
def test_what_is_written_can_be_read(objects: bool, inner: Any) -> None:
    """Nesting that the reader would refuse is refused before it is written."""
    readable = 0
    for levels in (
        10,
        100,
        190,
        197,
        198,
        199,
        200,
        201,
        202,
        210,
        250,
        253,
        254,
        255,
        256,
        300,
        5_000,
    ):
        try:
            data = dumps(nested(levels, inner, objects=objects))
        except InvalidArgument:
            assert levels >= 198
        else:
            loads(data)
            readable = levels
    assert 198 <= readable <= 200


@pytest.mark.parametrize("digits", [100, 4_000, 4_299, 4_300, 4_301, 5_000])
def test_long_numbers(digits: int) -> None:
    """Whole numbers are refused beyond the 4,300 digits that can be read."""
    largest = 10**digits - 1
    for number in (
        largest,
        -largest,
        [largest],
        {"a": largest},
        (largest,),
        OrderedDict(a=largest),
    ):
        if digits <= 4_300:
            assert str(largest) in dumps(number).decode()
            assert str(largest) in repr(loads(dumps(number)))
        else:
            with pytest.raises(InvalidArgument):
                dumps(number)
    assert loads(dumps("1" * digits)) == "1" * digits
    assert loads(dumps(["1" * 4_301, 1] * 3))


def test_large_values() -> None:
    """Many brackets and digits within strings count neither as nesting nor as a number."""
    for value in (
        [[]] * 1_000,
        [{"a": [1]}] * 500,
        ["[" * 500],
        [10**100] * 100,
        {"a": [(1,)] * 300},
    ):
        assert loads(dumps(value)) == json.loads(json.dumps(value))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"nul",
        b"{",
        b"[1,]",
        b"{'a':1}",
        b"1 2",
        b"\xff",
        b'"\xff"',
        b'"\\ud800"',
        b"NaN",
        b"-Infinity",
        b'{"a":NaN}',
        b"\xef\xbb\xbf1",
        b"01",
        b"+1",
        b"[" * 10_000,
        b"1" + b"0" * 5_000,
    ],
    ids=lambda data: ascii(data[:12]),
)
def test_what_cannot_be_read(data: bytes) -> None:
    """Data that is not JSON is DecodeFailed, and is not quoted."""
    with pytest.raises(DecodeFailed) as caught:
        loads(data)
    assert caught.value.status == 500
    assert str(caught.value) == "a stored value is not JSON"


@given(st.text())
def test_utf8(text: str) -> None:
    """The utf8 encoding takes any text but lone surrogates."""
    assert CODECS["utf8"].decode(CODECS["utf8"].encode(text)) == text


@given(st.binary())
def test_bytes_in_every_spelling(data: bytes) -> None:
    """The binary encoding keeps bytes as they are; hex and base64 give them as text."""
    for name in ("binary", "buffer", "hex", "base64"):
        shown = CODECS[name].decode(data)
        assert CODECS[name].encode(shown) == data
    assert CODECS["hex"].decode(data) == data.hex()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("utf8", value) for value in (b"a", 7, None, ["a"], "\ud800")),
        *(("binary", value) for value in ("a", 7, None, [1])),
        *(("hex", value) for value in ("0", "0g", "é", b"00", 7, None, "0 0")),
        *(
            ("base64", value)
            for value in ("A", "A===", "AA", "*A==", "é", b"AA==", 7, None, "AA==\n")
        ),
    ],
)
def test_what_does_not_fit(name: str, value: Any) -> None:
    """A value that an encoding cannot take is InvalidArgument."""
    with pytest.raises(InvalidArgument):
        CODECS[name].encode(value)


def test_finding_a_codec() -> None:
    """A codec is found by name or is the object itself; others are refused with the names."""
    own = NamedCodec("own", str.encode, bytes.decode)
    assert codec(own) is own
    assert isinstance(own, Codec)
    assert codec("buffer") is codec("binary")
    with pytest.raises(InvalidArgument, match="base64, binary, buffer, hex, json, utf8"):
        codec("rot13")
    for wrong in (None, 7, object(), b"utf8", str):
        with pytest.raises(InvalidArgument):
            codec(wrong)  # type: ignore[arg-type] - on purpose


def test_errors_of_ones_own_codec() -> None:
    """A codec's own errors become InvalidArgument and DecodeFailed; it must return bytes."""

    def fail(_: Any) -> Any:
        raise ZeroDivisionError("secret")

    def conflict(_: Any) -> Any:
        raise Conflict

    with pytest.raises(InvalidArgument) as caught:
        encode("value", NamedCodec("own", fail, fail), 1)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert "secret" not in str(caught.value)
    with pytest.raises(DecodeFailed) as failed:
        decode("value", NamedCodec("own", fail, fail), b"")
    assert isinstance(failed.value.__cause__, ZeroDivisionError)
    assert not re.search("secret", str(failed.value))
    for call in (lambda c: encode("key", c, 1), lambda c: decode("key", c, b"")):
        with pytest.raises(Conflict):
            call(NamedCodec("own", conflict, conflict))
    with pytest.raises(InvalidArgument, match="not bytes"):
        encode("key", NamedCodec("own", str, bytes), "text")
