"""Packed tuples, compared with FoundationDB's implementation, and the order of JSON values."""

from __future__ import annotations

import math
import uuid
from fractions import Fraction
from typing import Any

import pytest
from fdb import tuple as oracle
from hypothesis import example, given
from hypothesis import strategies as st

from datapatterns.core import tuples
from datapatterns.errors import DecodeFailed, InvalidArgument

BIG = 2 ** (8 * 255) - 1
ODD = 2**64 - 1
ELEMENTS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-BIG, BIG)
    | st.integers(-300, 300)
    | st.sampled_from(
        [s * 2**n + d for n in (8, 16, 32, 53, 63, 64, 65) for d in (-1, 0, 1) for s in (1, -1)]
    )
    | st.floats(allow_nan=False)
    | st.text()
    | st.text("a\0\xff\x7fé🐄", max_size=4)
    | st.binary()
    | st.binary(max_size=3)
    | st.uuids(),
    lambda inner: st.lists(inner, max_size=3).map(tuple),
    max_leaves=6,
)
TUPLES = st.lists(ELEMENTS, max_size=4).map(tuple)


def test_where_foundationdbs_python_is_odd() -> None:
    """The largest numbers of 8 bytes are packed as the format says, not as its Python does."""
    for number in (ODD, -ODD):
        assert len(tuples.pack((number,))) == 9
        assert oracle.unpack(tuples.pack((number,))) == (number,)
        assert tuples.unpack(oracle.pack((number,))) == (number,)
        assert tuples.pack((number - 1,)) < tuples.pack((number,)) < tuples.pack((number + 1,))


@given(TUPLES.filter(lambda value: str(ODD) not in repr(value)))
@example((0, -1, 1, 255, 256, -255, -256, 2**64, -(2**64)))
@example((0.0, -0.0, math.inf, -math.inf, 5e-324, (None, b"\0\xff", "\0\xff")))
def test_pack_is_foundationdbs(value: tuple[Any, ...]) -> None:
    """Packed tuples are equal to FoundationDB's."""
    assert tuples.pack(value) == oracle.pack(value)


@given(TUPLES)
def test_unpack_is_foundationdbs(value: tuple[Any, ...]) -> None:
    """Unpacking returns the packed values, with type and sign."""
    data = oracle.pack(value)
    assert repr(tuples.unpack(data)) == repr(oracle.unpack(data)) == repr(value)


@given(TUPLES, TUPLES)
def test_bytes_order_as_tuples_do(one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    """Packed tuples sort in the order that FoundationDB gives tuples."""
    a, b = tuples.pack(one), tuples.pack(other)
    assert (a > b) - (a < b) == oracle.compare(one, other)


@given(TUPLES, TUPLES)
def test_after_is_behind_all_that_begin_with_a_tuple(
    prefix: tuple[Any, ...], more: tuple[Any, ...]
) -> None:
    """A packed tuple with AFTER ends the range of all that begin with the tuple."""
    packed = tuples.pack(prefix)
    assert packed <= packed + tuples.pack(more) < packed + tuples.AFTER


@pytest.mark.parametrize(
    "value", [..., {1}, {"a": 1}, 1j, BIG + 1, -BIG - 1, "\ud800", ["\ud800"], [{}]]
)
def test_what_a_tuple_cannot_hold(value: Any) -> None:
    """A value that the format cannot hold is InvalidArgument."""
    with pytest.raises(InvalidArgument):
        tuples.pack((value,))


def test_a_bottomless_tuple() -> None:
    """Bottomless nesting is an error of ours, not a RecursionError, in both directions."""
    value: list[Any] = []
    value.append(value)
    with pytest.raises(InvalidArgument):
        tuples.pack(value)
    with pytest.raises(DecodeFailed):
        tuples.unpack(b"\x05" * 100_000)


@given(
    st.binary(max_size=12)
    | TUPLES.map(tuples.pack).flatmap(lambda d: st.integers(0, len(d)).map(lambda n: d[:n]))
)
def test_what_is_no_tuple(data: bytes) -> None:
    """Bytes that are not a tuple are DecodeFailed; whatever can be read can be packed again."""
    try:
        value = tuples.unpack(data)
    except DecodeFailed:
        return
    assert repr(tuples.unpack(tuples.pack(value))) == repr(value)


# --- the order of JSON values

NUMBERS = (
    st.integers()
    | st.integers(-3, 3)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.floats(-3, 3)
    | st.integers(-5, 5).map(lambda n: n / 2)
    | st.integers(-4, 4).map(lambda n: 2**53 + n)
    | st.integers(-4, 4).map(lambda n: float(2**53 + 2 * n))
    | st.sampled_from([1e-300, -1e-300, 0.0, -0.0, 1e300, -1e300, 10**300, 5e-324, 0.1 + 0.2, 0.3])
)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text("ab\0\xff🐄\uffff", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3)
    ),
    max_leaves=5,
)


def reference(value: Any) -> tuple[Any, ...]:
    """Return a value that Python compares in the promised order."""
    if value is None:
        return (0,)
    if isinstance(value, bool):
        return (2 if value else 1,)
    if isinstance(value, int | float):
        return (3, Fraction(value))
    if isinstance(value, str):
        return (4, value.encode())
    if isinstance(value, list):
        return (5, [reference(item) for item in value])
    return (6, [(key.encode(), reference(item)) for key, item in sorted(value.items())])


def packed(value: Any) -> bytes:
    """Return the bytes that order a JSON value."""
    return tuples.pack_collated(value)


@given(JSON, JSON)
@example(2**53, float(2**53))
@example(2**53 + 1, float(2**53))
@example(-1, -0.5)
@example(-0.5, 0)
@example(-0.0, 0)
@example(1e-300, 0)
@example(10**300, 1e300)
def test_json_values_are_in_the_promised_order(one: Any, other: Any) -> None:
    """The order is null, false, true, numbers by value, strings, arrays, objects."""
    a, b = packed(one), packed(other)
    x, y = reference(one), reference(other)
    assert (a > b) - (a < b) == (x > y) - (x < y)


@given(JSON, JSON)
def test_no_value_is_the_beginning_of_another(one: Any, other: Any) -> None:
    """No value's bytes are the beginning of another's, so what follows cannot reorder them."""
    a, b = packed(one), packed(other)
    assert a == b or not b.startswith(a)


@given(JSON)
def test_the_short_way_is_the_same(value: Any) -> None:
    """`pack_collated` packs the same bytes as `collate` and `pack`."""
    assert packed(value) == tuples.pack(tuples.collate(value))


def as_tuples(value: Any) -> Any:
    """Return a JSON value as an index returns it."""
    if isinstance(value, list):
        return tuple(map(as_tuples, value))
    if isinstance(value, dict):
        return tuple((key, as_tuples(item)) for key, item in sorted(value.items()))
    return value


@given(st.lists(JSON, max_size=3), st.text("ab", max_size=2))
def test_collated_gives_the_values_back(values: list[Any], behind: str) -> None:
    """`collated` returns the values and the elements behind them."""
    data = b"".join(map(packed, values)) + tuples.pack((behind,))
    found, rest = tuples.collated(tuples.unpack(data), len(values))
    assert found == tuple(map(as_tuples, values))
    assert tuple(rest) == (behind,)


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, -math.inf, [math.nan], {"a": -math.inf}, b"x", {1}, object(), "\ud800"],
)
def test_what_an_index_cannot_hold(value: Any) -> None:
    """A value that an index cannot hold is InvalidArgument."""
    with pytest.raises(InvalidArgument):
        packed(value)


def test_nesting_has_an_end() -> None:
    """A hundred levels fit on any stack; more are refused."""
    value: Any = 1
    for _ in range(99):
        value = [value]
    data = packed(value)
    assert tuples.collated(tuples.unpack(data), 1)[0] == (as_tuples(value),)
    for deeper in ([value], {"a": value}):
        with pytest.raises(InvalidArgument):
            packed(deeper)


def test_a_uuid_comes_back_as_one() -> None:
    """A UUID reads back equal and sorts behind everything else."""
    id = uuid.uuid4()
    assert tuples.unpack(tuples.pack((id,))) == (id,)
    assert tuples.pack((id,)) > tuples.pack((True,))
