"""The calendar's buckets and their keys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapatterns import InvalidArgument
from datapatterns.core.calendar_counter import (
    BOUNDABLE,
    BUCKETS,
    bucket_of,
    end_of,
    key_at,
    keys_at,
    series_keys,
)

moments = st.datetimes(timezones=st.just(UTC))


@given(moments, st.sampled_from(BUCKETS))
def test_a_key_tells_its_bucket(moment: datetime, bucket: str) -> None:
    """Every key that is made belongs to the bucket it was made for."""
    assert bucket_of(key_at(moment, bucket)) == bucket


@given(moments, moments, st.sampled_from(BOUNDABLE))
def test_keys_are_in_the_order_of_time(one: datetime, other: datetime, bucket: str) -> None:
    """The keys of one bucket sort as strings in the order of time."""
    first, last = sorted([one, other])
    assert key_at(first, bucket) <= key_at(last, bucket)


@given(st.datetimes(datetime(1, 1, 1), datetime(9990, 1, 1)), st.sampled_from(BOUNDABLE))
def test_a_bucket_ends_where_the_next_begins(moment: datetime, bucket: str) -> None:
    """A microsecond before its end the key is the same, at its end it is another one."""
    end = end_of(moment, bucket)
    assert end is not None
    assert key_at(end - timedelta(microseconds=1), bucket) == key_at(moment, bucket)
    assert key_at(end, bucket) > key_at(moment, bucket)


@given(moments, st.integers(0, 3000), st.sampled_from(BUCKETS))
def test_a_series_has_every_key_once(start: datetime, hours: int, bucket: str) -> None:
    """A series has the same keys as all hours from start to end have."""
    try:
        end = start + timedelta(hours=hours)
    except OverflowError:
        return
    every = [key_at(start + timedelta(hours=n), bucket) for n in range(hours + 1)]
    assert series_keys(bucket, start, end) == list(dict.fromkeys([*every, key_at(end, bucket)]))


def test_keys_look_as_documented() -> None:
    """One moment has the documented key in each bucket."""
    moment = datetime(2014, 1, 15, 9, 30, tzinfo=UTC)
    assert keys_at(moment, BUCKETS) == {
        "total": "total", "year": "2014", "month": "2014-01", "day": "2014-01-15",
        "hour": "2014-01-15T09", "month_of_year": "01",
    }  # fmt: skip


def test_what_never_ends_has_no_end() -> None:
    """The total, a month of all years, and the last year of the calendar have no end."""
    moment = datetime(9999, 12, 31, tzinfo=UTC)
    assert end_of(moment, "total") is None
    assert end_of(moment, "month_of_year") is None
    assert end_of(moment, "year") is None
    assert series_keys("year", moment, moment) == ["9999"]


def test_endless_series_are_refused() -> None:
    """A series of more than 100,000 keys is InvalidArgument, without being computed."""
    with pytest.raises(InvalidArgument):
        series_keys("hour", datetime(1, 1, 1), datetime(9999, 12, 31))
