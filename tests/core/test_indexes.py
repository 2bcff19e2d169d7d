"""Indexes: which entries there are, and which of them a query reads."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapatterns import tuples
from datapatterns.errors import InvalidArgument
from datapatterns.indexes import Index, by_name, entry, entry_id, pack_values

VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-2, 2)
    | st.sampled_from([0.5, -0.5, "", "a", "b", [], [1], {}])
)
ROWS = st.lists(st.tuples(VALUES, VALUES, st.text("ab", max_size=2)), max_size=12, unique_by=repr)
PREFIX = st.lists(VALUES, max_size=2)


def key(row: tuple[Any, ...]) -> bytes:
    """The entry of a row: its two values and its id."""
    return entry(pack_values(row[:2]), row[2])


def order(values: Any) -> tuple[bytes, ...]:
    """What values are compared by, one after the other."""
    return tuple(tuples.pack_collated(value) for value in values)


def read(rows: list[Any], gte: bytes, lt: bytes, *, descending: bool) -> list[Any]:
    """The rows between two keys."""
    found = [row for row in rows if gte <= key(row) < lt]
    return sorted(found, key=key, reverse=descending)


@given(ROWS, PREFIX, st.booleans())
def test_a_prefix(rows: list[Any], prefix: list[Any], descending: bool) -> None:
    """Reads the rows that begin with its values, and no others."""
    bounds = Index("i", "a", "b").bounds(prefix, None, None, descending=descending)
    within = [row for row in rows if order(row[: len(prefix)]) == order(prefix)]
    expected = sorted(within, key=key, reverse=descending)
    assert read(rows, *bounds, descending=descending) == expected


NOT_NULL = VALUES.filter(lambda value: value is not None)
BOUND = st.none() | NOT_NULL | st.tuples(VALUES) | st.tuples(VALUES, VALUES)


@given(ROWS, BOUND, BOUND, st.booleans())
def test_start_and_end(rows: list[Any], start: Any, end: Any, descending: bool) -> None:
    """In the direction of reading: the start is in, the end is out; bounds may be short."""
    bounds = Index("i", "a", "b").bounds((), start, end, descending=descending)

    def part(row: Any, bound: Any) -> tuple[bytes, ...]:
        return order(row[: len(bound)])

    def wanted(row: Any) -> bool:
        first = None if start is None else (start if isinstance(start, tuple) else (start,))
        last = None if end is None else (end if isinstance(end, tuple) else (end,))
        if descending:
            return (first is None or part(row, first) <= order(first)) and (
                last is None or part(row, last) > order(last)
            )
        return (first is None or part(row, first) >= order(first)) and (
            last is None or part(row, last) < order(last)
        )

    expected = sorted(filter(wanted, rows), key=key, reverse=descending)
    assert read(rows, *bounds, descending=descending) == expected


@given(ROWS, VALUES, NOT_NULL, NOT_NULL, st.booleans())
def test_a_range_behind_a_prefix(
    rows: list[Any], prefix: Any, start: Any, end: Any, descending: bool
) -> None:
    """Is one of the next field."""
    bounds = Index("i", "a", "b").bounds((prefix,), start, end, descending=descending)
    low, high = order([start]), order([end])
    expected = [
        row
        for row in rows
        if order(row[:1]) == order([prefix])
        and (high < order(row[1:2]) <= low if descending else low <= order(row[1:2]) < high)
    ]
    expected.sort(key=key, reverse=descending)
    assert read(rows, *bounds, descending=descending) == expected


def test_bounds_that_an_index_has_not() -> None:
    """400: more values than fields."""
    index = Index("i", "a", "b")
    for prefix, start, end in (
        ((1, 2, 3), None, None),
        ((1, 2), 3, None),
        ((1, 2), None, 3),
        ((1,), (2, 3), None),
        ((), None, (1, 2, 3)),
    ):
        with pytest.raises(InvalidArgument):
            index.bounds(prefix, start, end, descending=False)
    for value in (float("nan"), b"x", {1}, "\ud800", object()):
        with pytest.raises(InvalidArgument):
            index.bounds((value,), None, None, descending=False)
        with pytest.raises(InvalidArgument):
            index.bounds((), value, None, descending=True)


def test_which_documents_are_in_an_index() -> None:
    """Those that have all of its fields, null or not, and that `where` takes."""
    index = Index("i", "a", "b.c", where=lambda fields: not fields.get("hidden"))
    assert index.values({"a": 1, "b": {"c": None}}) == pack_values([1, None])
    for fields in ({}, {"a": 1}, {"a": 1, "b": None}, {"a": 1, "b": {}}, {"b": {"c": 1}}):
        assert index.values(fields) is None
    assert index.values({"a": 1, "b": {"c": 2}, "hidden": True}) is None


@given(st.lists(VALUES, min_size=1, max_size=3), st.text(min_size=1))
def test_an_entry_knows_its_id(values: list[Any], id: str) -> None:
    """Behind whatever values."""
    assert entry_id(entry(pack_values(values), id)) == id


def test_bad_indexes() -> None:
    """400: no name, no field, two of one name."""
    for arguments in ((), ("",), ("i",), (7, "a"), ("i", ""), ("i", 7), ("i", "\ud800")):
        with pytest.raises((InvalidArgument, TypeError)):
            Index(*arguments)  # type: ignore[arg-type] - on purpose
    one = Index("one", "a", unique=True)
    assert by_name([one, Index("two", "a")])["one"] is one
    with pytest.raises(InvalidArgument):
        by_name([one, Index("one", "b")])
    assert repr(one) == "Index('one', 'a', unique=True)"
