"""Indexes: the entries of documents, and the entries that a query reads."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    AliasChoices,
    BaseModel,
    Field,
    computed_field,
    create_model,
    model_serializer,
)

from datapatterns.core import tuples
from datapatterns.core.documents import Document
from datapatterns.core.indexes import (
    Each,
    Index,
    as_stored,
    by_name,
    declared,
    entry,
    entry_id,
    pack_values,
)
from datapatterns.errors import InvalidArgument

VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-2, 2)
    | st.sampled_from([0.5, -0.5, "", "a", "b", [], [1], {}])
)
ROWS = st.lists(st.tuples(VALUES, VALUES, st.text("ab", max_size=2)), max_size=12, unique_by=repr)
PREFIX = st.lists(VALUES, max_size=2)


def key(row: tuple[Any, ...]) -> bytes:
    """Return the entry of a row: its two values and its id."""
    return entry(pack_values(row[:2]), row[2])


def order(values: Any) -> tuple[bytes, ...]:
    """Return what the values are compared by, one after the other."""
    return tuple(tuples.pack_collated(value) for value in values)


def read(rows: list[Any], gte: bytes, lt: bytes, *, descending: bool) -> list[Any]:
    """Return the rows between two keys."""
    found = [row for row in rows if gte <= key(row) < lt]
    return sorted(found, key=key, reverse=descending)


@given(ROWS, PREFIX, st.booleans())
def test_a_prefix(rows: list[Any], prefix: list[Any], descending: bool) -> None:
    """A prefix reads exactly the rows that begin with its values."""
    bounds = Index("i", "a", "b").bounds(prefix, None, None, descending=descending)
    within = [row for row in rows if order(row[: len(prefix)]) == order(prefix)]
    expected = sorted(within, key=key, reverse=descending)
    assert read(rows, *bounds, descending=descending) == expected


NOT_NULL = VALUES.filter(lambda value: value is not None)
BOUND = st.none() | NOT_NULL | st.tuples(VALUES) | st.tuples(VALUES, VALUES)


@given(ROWS, BOUND, BOUND, st.booleans())
def test_start_and_end(rows: list[Any], start: Any, end: Any, descending: bool) -> None:
    """In reading order the start is included and the end is not; bounds may be short."""
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
    """After a prefix, start and end bound the next field."""
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
    """More values than fields are InvalidArgument."""
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


def test_too_many_values_are_told_apart() -> None:
    """The message has the index, its fields and the number of values."""
    one, two = Index("by_name", "name"), Index("inbox", "to", "at")
    with pytest.raises(InvalidArgument) as caught:
        one.bounds((1, 2), None, None, descending=False)
    assert caught.value.detail == "the index 'by_name' has 1 field (name), but 2 were given"
    with pytest.raises(InvalidArgument) as caught:
        two.bounds((1,), (2, 3), None, descending=False)
    assert caught.value.detail == "the index 'inbox' has 2 fields (to, at), but 3 were given"
    with pytest.raises(InvalidArgument, match="the prefix covers all fields of the index 'inbox'"):
        two.bounds((1, 2), 3, None, descending=False)


def test_moments_and_days() -> None:
    """A query's moments and dates stand for stored text; naive or extreme ones are refused."""
    noon = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    assert as_stored(noon) == "2026-03-01T10:00:00.000000Z"
    assert as_stored(date(987, 3, 1)) == "0987-03-01"
    east = timezone(timedelta(hours=1))
    for moment, told in (
        (datetime(2026, 3, 1), "time zone"),
        (datetime.min.replace(tzinfo=east), "calendar"),
    ):
        with pytest.raises(InvalidArgument, match=told):
            as_stored(moment)
    index = Index("i", "a", "b")
    assert index.bounds((noon,), noon, None, descending=False) == index.bounds(
        (as_stored(noon),), noon.astimezone(UTC), None, descending=False
    )


def test_which_documents_are_in_an_index() -> None:
    """A document is in an index if it has all fields, null or not, and `where` is true."""
    index = Index("i", "a", "b.c", where=lambda fields: not fields.get("hidden"))
    assert index.values({"a": 1, "b": {"c": None}}) == [pack_values([1, None])]
    for fields in ({}, {"a": 1}, {"a": 1, "b": None}, {"a": 1, "b": {}}, {"b": {"c": 1}}):
        assert index.values(fields) == []
    assert index.values({"a": 1, "b": {"c": 2}, "hidden": True}) == []


@given(st.lists(VALUES, min_size=1, max_size=3), st.text(min_size=1))
def test_an_entry_knows_its_id(values: list[Any], id: str) -> None:
    """The id of an entry can be read behind any values."""
    assert entry_id(entry(pack_values(values), id)) == id


def test_bad_indexes() -> None:
    """An index without name or fields, or two of one name, are InvalidArgument."""
    for arguments in ((), ("",), ("i",), (7, "a"), ("i", ""), ("i", 7), ("i", "\ud800")):
        with pytest.raises((InvalidArgument, TypeError)):
            Index(*arguments)  # type: ignore[arg-type] - on purpose
    one = Index("one", "a", unique=True)
    assert list(by_name([one, Index("two", "a")], Letters)) == ["one", "two"]
    assert list(by_name((index for index in [one]), Letters)) == ["one"]
    for other in (one, Index("one", "b")):
        with pytest.raises(InvalidArgument, match="two indexes are named 'one'"):
            by_name([one, other], Letters)
    for indexes, kind in (("one", "str"), (["one"], "str"), ([one, None], "NoneType")):
        expected = f"must be a list of Index, not (of )?{kind}"
        with pytest.raises(InvalidArgument, match=expected):
            by_name(indexes, Letters)  # type: ignore[arg-type] - on purpose
    for indexes in (None, one):
        with pytest.raises(InvalidArgument, match="indexes must be a list of Index, not"):
            by_name(indexes, Letters)  # type: ignore[arg-type] - on purpose
    assert repr(one) == "Index('one', 'a', unique=True)"


class Letters(Document):
    """A document with names of every kind."""

    a: int = 0
    b: int = Field(0, alias="B")
    c: int = Field(0, validation_alias=AliasChoices("c1", "c2"), serialization_alias="C")

    @computed_field
    def d(self) -> int:
        """Return the sum."""
        return self.a + self.b


def test_an_index_goes_by_what_the_model_stores() -> None:
    """An index takes stored names and any path below; others are refused with a list."""
    by_name([Index("i", "a", "B.x.y", "C"), Index("computed", "d")], Letters)
    for field in ("emial", "b", "c", "c1", "id", "rev", "e.a", "", " a", ".a"):
        with pytest.raises(InvalidArgument):
            by_name([Index("i", "a", field)], Letters)
    with pytest.raises(InvalidArgument) as caught:
        by_name([Index("by", "emial")], Letters)
    told = "Letters has no field emial for the index 'by'; its stored fields are B, C, a, d"
    assert caught.value.detail == told


def test_the_name_of_the_index_of_expiry() -> None:
    """The name of the index by which documents expire is refused; others with a $ are not."""
    assert list(by_name([Index("$x", "a")], Letters)) == ["$x"]
    with pytest.raises(InvalidArgument, match="belongs to the index of the option expires"):
        by_name([Index("$expires", "a")], Letters)


def test_a_nested_model_that_is_absent_has_no_defaults() -> None:
    """An index over a nested field takes its default, unless there is no nested object."""

    class Address(BaseModel):
        city: str = "Oslo"

    class Person(Document):
        address: Address | None = None

    index = by_name([Index("i", "address.city")], Person)["i"]
    assert index.values({"address": {}}) == [pack_values(["Oslo"])]
    for fields in ({}, {"address": None}, {"address": []}, {"address": "x"}):
        assert index.values(fields) == []


def test_an_index_may_go_by_what_a_model_leaves_open() -> None:
    """A model with extra fields or its own serializer allows any name."""

    class Open(Document, extra="allow"):
        pass

    class Own(Document):
        @model_serializer
        def write(self) -> dict[str, Any]:
            return {"x": 1}

    for model in (Open, Own):
        assert by_name([Index("i", "x")], model)


def test_an_index_that_is_not_declared() -> None:
    """An unknown index is InvalidArgument, with the names that are declared."""
    indexes = by_name([Index("one", "a"), Index("two", "a")], Letters)
    assert declared(indexes, "two") is indexes["two"]
    with pytest.raises(InvalidArgument) as caught:
        declared(indexes, "three")
    assert caught.value.detail == "there is no index 'three'; declared are: 'one', 'two'"
    with pytest.raises(InvalidArgument, match="there is no index 'one'; declared are: none"):
        declared({}, "one")
    for name in (None, 7, [], ""):
        with pytest.raises(InvalidArgument):
            declared(indexes, name)


@pytest.mark.parametrize("kind", [Any, object, list[int], tuple[str, ...], set[int] | None])
def test_what_may_be_a_list(kind: Any) -> None:
    """`Each` takes a field that may hold a list, also one of no type."""
    model = create_model("Listed", __base__=Document, items=(kind, None))
    assert by_name([Index("i", Each("items"))], model)["i"].each == 0


@pytest.mark.parametrize("kind", [str, int, dict[str, int], bytes | None])
def test_what_is_never_a_list(kind: Any) -> None:
    """A field of another type is refused when the index is declared."""
    model = create_model("Unlisted", __base__=Document, items=(kind, None))
    with pytest.raises(InvalidArgument, match="Each"):
        by_name([Index("i", Each("items"))], model)
