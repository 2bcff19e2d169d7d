# Generated from datapatterns/testing/conformance/_async/calendar_counter.py by scripts/unasync.py; do not edit.
"""The tests of what every calendar counter promises."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any, ClassVar

import pytest

from datapatterns import InvalidArgument, Store
from datapatterns.core.calendar_counter import BUCKETS, keys_at
from datapatterns.core.checks import Duration
from datapatterns.testing._sync.concurrently import concurrently
from datapatterns.testing.conformance.samples import HOSTILE, NO_NAMES

HIGHEST = 2**63 - 1
MOMENT = datetime(2014, 1, 15, 9, 30, tzinfo=UTC)
KEYS = ["total", "2014", "2014-01", "2014-01-15", "2014-01-15T09", "01"]


class TestCalendarCounter:
    """Tests `target.calendar_counter` on a backend that declares `calendar_counter`."""

    pattern: ClassVar[str] = "calendar_counter"

    def test_it_counts_total_year_month_and_day(self, target: Store) -> None:
        """By default `add` moves these four and returns their new values by key."""
        visits = target.calendar_counter("visits")
        first = visits.add("ann", at=MOMENT)
        assert first == {"total": 1, "2014": 1, "2014-01": 1, "2014-01-15": 1}
        second = visits.add("ann", 5, at=MOMENT + timedelta(days=20))
        assert second == {"total": 6, "2014": 6, "2014-02": 5, "2014-02-04": 5}
        third = visits.add("ann", -2, at=datetime(2015, 1, 1, tzinfo=UTC))
        assert third == {"total": 4, "2015": -2, "2015-01": -2, "2015-01-01": -2}

    def test_it_counts_the_buckets_it_is_given(self, target: Store) -> None:
        """It counts hours and months of the year too, in the order in which they were named."""
        visits = target.calendar_counter("visits", buckets=BUCKETS)
        counted = visits.add("ann", at=MOMENT)
        assert list(counted.items()) == [(key, 1) for key in KEYS]
        visits.add("ann", at=datetime(2015, 1, 15, 9, tzinfo=UTC))
        assert [visits.read("ann", key) for key in KEYS] == [2, 1, 1, 1, 1, 2]
        only = target.calendar_counter("hours", buckets=["hour"])
        assert only.add("ann", at=MOMENT) == {"2014-01-15T09": 1}

    def test_moments_are_in_utc(self, target: Store) -> None:
        """A datetime of another zone is converted; one without a zone is UTC."""
        visits = target.calendar_counter("visits", buckets=["hour"])
        east = timezone(timedelta(hours=5, minutes=30))
        assert visits.add("ann", at=datetime(2014, 1, 1, 3, 0, tzinfo=east)) == {"2013-12-31T21": 1}
        assert visits.add("ann", at=datetime(2013, 12, 31, 21, 59, 59)) == {"2013-12-31T21": 2}

    @pytest.mark.parametrize(
        "at",
        [
            datetime(1, 1, 1, tzinfo=UTC),
            datetime(1600, 2, 29, 23, 59, 59, tzinfo=UTC),
            datetime(1900, 2, 28, 23, tzinfo=UTC),
            datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
            datetime(1970, 1, 1, tzinfo=UTC),
            datetime(2000, 2, 29, tzinfo=UTC),
            datetime(2023, 12, 31, 23, 59, 59, tzinfo=UTC),
            datetime(2024, 12, 31, 23, 59, 59, tzinfo=UTC),
            datetime(2100, 3, 1, tzinfo=UTC),
            datetime(9999, 12, 31, 23, tzinfo=UTC),
        ],
    )
    def test_every_date_has_its_keys(self, target: Store, at: datetime) -> None:
        """Leap days, ends of years, and dates far away are counted where they belong."""
        visits = target.calendar_counter("visits", buckets=BUCKETS)
        counted = visits.add("ann", 3, at=at)
        assert list(counted) == list(keys_at(at, BUCKETS).values())
        assert [visits.read("ann", key) for key in counted] == [3] * 6

    def test_without_a_moment_it_is_now(self, target: Store) -> None:
        """`at` defaults to the present time."""
        visits = target.calendar_counter("visits", buckets=BUCKETS)
        before = datetime.now(UTC)
        counted = visits.add("ann")
        after = datetime.now(UTC)
        # A minute on either side: the store's clock need not be this one.
        moments = [before - timedelta(minutes=1), before, after + timedelta(minutes=1)]
        assert list(counted) in [list(keys_at(moment, BUCKETS).values()) for moment in moments]
        assert set(counted.values()) == {1}

    def test_what_was_not_counted_is_zero(self, target: Store) -> None:
        """Every key that was not counted reads 0."""
        visits = target.calendar_counter("visits", buckets=BUCKETS)
        assert [visits.read("ann", key) for key in KEYS] == [0] * 6
        visits.add("bob", at=MOMENT)
        assert visits.read("ann", "total") == 0
        assert visits.read("bob", "2014-01-16") == 0

    def test_a_series_has_no_gaps(self, target: Store) -> None:
        """A series has every key from start to end, both included, with zeros for no counts."""
        visits = target.calendar_counter("visits", buckets=BUCKETS)
        for day in (28, 29):
            visits.add("ann", day, at=datetime(2024, 2, day, 23, tzinfo=UTC))
        visits.add("ann", 7, at=datetime(2025, 1, 1, tzinfo=UTC))
        start = datetime(2024, 2, 27, 12, tzinfo=UTC)
        assert visits.series("ann", "day", start, datetime(2024, 3, 1, tzinfo=UTC)) == [
            ("2024-02-27", 0), ("2024-02-28", 28), ("2024-02-29", 29), ("2024-03-01", 0),
        ]  # fmt: skip
        months = visits.series("ann", "month", start, datetime(2025, 1, 1, tzinfo=UTC))
        assert [key for key, _ in months][:2] == ["2024-02", "2024-03"]
        assert [count for _, count in months] == [57, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]
        assert visits.series("ann", "year", start, datetime(2026, 1, 1, tzinfo=UTC)) == [
            ("2024", 57), ("2025", 7), ("2026", 0),
        ]  # fmt: skip
        late = datetime(2024, 2, 28, 22, 59, tzinfo=UTC)
        assert visits.series("ann", "hour", late, late + timedelta(hours=2)) == [
            ("2024-02-28T22", 0), ("2024-02-28T23", 28), ("2024-02-29T00", 0),
        ]  # fmt: skip
        assert visits.series("ann", "total", start, late) == [("total", 64)]
        december = datetime(2023, 12, 1, tzinfo=UTC)
        winter = visits.series("ann", "month_of_year", december, late)
        assert winter == [("12", 0), ("01", 7), ("02", 57)]
        assert visits.series("ann", "day", late, late) == [("2024-02-28", 28)]

    def test_a_series_may_be_long(self, target: Store) -> None:
        """Ten years of days come complete and in order."""
        visits = target.calendar_counter("visits")
        start, end = datetime(2010, 1, 1, tzinfo=UTC), datetime(2019, 12, 31, tzinfo=UTC)
        visits.add("ann", 1, at=start)
        visits.add("ann", 2, at=end)
        days = visits.series("ann", "day", start, end)
        assert len(days) == 3652
        assert days == sorted(days)
        assert (days[0], days[-1]) == (("2010-01-01", 1), ("2019-12-31", 2))
        assert sum(count for _, count in days) == 3

    def test_forget_removes_a_subject(self, target: Store) -> None:
        """All counts of the subject become 0; others keep theirs, and it can start again."""
        visits = target.calendar_counter("visits", buckets=BUCKETS)
        moments = [MOMENT, MOMENT + timedelta(days=40), MOMENT + timedelta(days=4000)]
        for moment in moments:
            visits.add("ann", at=moment)
            visits.add("bob", at=moment)
        visits.forget("ann")
        visits.forget("nobody")
        for moment in moments:
            for key in keys_at(moment, BUCKETS).values():
                assert visits.read("ann", key) == 0
                assert visits.read("bob", key) > 0
        assert set((visits.add("ann", at=MOMENT)).values()) == {1}

    def test_an_operation_counts_once(self, target: Store) -> None:
        """Repeating an op_id returns the first result and adds nothing."""
        visits = target.calendar_counter("visits")
        first = visits.add("ann", 3, at=MOMENT, op_id="a")
        visits.add("ann", 1, at=MOMENT)
        assert visits.add("ann", 3, at=MOMENT, op_id="a") == first
        assert visits.read("ann", "total") == 4
        assert (visits.add("bob", 3, at=MOMENT, op_id="a"))["total"] == 3

    def test_many_callers_lose_nothing(self, target: Store) -> None:
        """A hundred adds at once move every bucket by a hundred."""
        visits = target.calendar_counter("visits", buckets=BUCKETS)

        def add(turn: int) -> int:
            return (visits.add("ann", at=MOMENT))["total"]

        totals = concurrently(add, [(turn,) for turn in range(100)])
        assert sorted(totals) == list(range(1, 101))
        assert [visits.read("ann", key) for key in KEYS] == [100] * 6

    def test_it_has_64_bits(self, target: Store) -> None:
        """If one bucket would go past 64 bits, none is moved."""
        visits = target.calendar_counter("visits", buckets=("year", "month", "day", "total"))
        visits.add("ann", HIGHEST, at=MOMENT)
        assert visits.read("ann", "2014-01-15") == HIGHEST
        later = datetime(2015, 6, 1, tzinfo=UTC)
        with pytest.raises(InvalidArgument):
            visits.add("ann", at=later)
        with pytest.raises(InvalidArgument):
            visits.add("ann", at=later, op_id="a")
        for key in keys_at(later, ("year", "month", "day")).values():
            assert visits.read("ann", key) == 0
        assert visits.read("ann", "total") == HIGHEST
        down = visits.add("ann", -3, at=later)
        assert down == {"2015": -3, "2015-06": -3, "2015-06-01": -3, "total": HIGHEST - 3}
        assert (visits.add("ann", at=later, op_id="a"))["total"] == HIGHEST - 2

    def test_what_is_kept_is_bounded(self, target: Store) -> None:
        """A bucket whose time is over is not stored; the others still count."""
        keep: dict[str, Duration] = {"day": timedelta(days=30), "month": 300 * 86_400}
        visits = target.calendar_counter("visits", keep=keep)
        now = datetime.now(UTC)
        for days in (2000, 600, 200, 5, 0):
            visits.add("ann", at=now - timedelta(days=days))
        day = [now - timedelta(days=days) for days in (2000, 600, 5, 0)]
        assert [visits.read("ann", _day(at)) for at in day] == [0, 0, 1, 1]
        assert visits.read("ann", _day(day[1])[:7]) == 0
        assert visits.read("ann", _day(now - timedelta(days=200))[:7]) == 1
        assert visits.read("ann", _day(day[1])[:4]) >= 1
        assert visits.read("ann", "total") == 5

    def test_names_stay_apart(self, target: Store) -> None:
        """No subject or counter, whatever its name, changes the counts of another."""
        visits = target.calendar_counter("visits")
        for number, name in enumerate(HOSTILE, start=1):
            assert (visits.add("x" + name, number, at=MOMENT))["total"] == number
            other = target.calendar_counter("x" + name)
            assert (other.add("ann", number, at=MOMENT))["2014-01-15"] == number
        assert visits.read("ann", "total") == 0

    @pytest.mark.parametrize("name", NO_NAMES)
    def test_bad_names_are_refused(self, target: Store, name: Any) -> None:
        """InvalidArgument refuses a name, subject or op_id that is not a valid name."""
        with pytest.raises(InvalidArgument):
            target.calendar_counter(name)
        visits = target.calendar_counter("visits")
        for call in (
            lambda: visits.add(name),
            lambda: visits.read(name, "total"),
            lambda: visits.series(name, "day", MOMENT, MOMENT),
            lambda: visits.forget(name),
        ):
            with pytest.raises(InvalidArgument):
                call()
        if name is not None:
            with pytest.raises(InvalidArgument):
                visits.add("ann", op_id=name)
        assert visits.read("ann", "total") == 0

    @pytest.mark.parametrize("by", [None, "1", 1.5, True, 2**63, -(2**64)])
    def test_bad_steps_are_refused(self, target: Store, by: Any) -> None:
        """InvalidArgument refuses a step that is not a whole number of 64 bits."""
        visits = target.calendar_counter("visits")
        with pytest.raises(InvalidArgument):
            visits.add("ann", by)
        assert visits.read("ann", "total") == 0

    @pytest.mark.parametrize("at", ["2014-01-15", 1_389_778_200, MOMENT.date()])
    def test_bad_moments_are_refused(self, target: Store, at: Any) -> None:
        """InvalidArgument refuses a moment that is not a datetime."""
        visits = target.calendar_counter("visits")
        with pytest.raises(InvalidArgument):
            visits.add("ann", at=at)
        with pytest.raises(InvalidArgument):
            visits.series("ann", "day", at, MOMENT)
        assert visits.read("ann", "total") == 0

    @pytest.mark.parametrize(
        "key",
        ["", "13", "00", "1", "20140115", "2014-13", "2014-1", "2014-02-30", "2014-01-15T24",
         "2014-01-15 09", "2014-01-15T09:00", "0000", "Total", " 2014", "2014\n",
         "\u0662\u0660\u0661\u0664", None, 2014],
    )  # fmt: skip
    def test_bad_keys_are_refused(self, target: Store, key: Any) -> None:
        """A key of no bucket raises InvalidArgument instead of reading 0."""
        visits = target.calendar_counter("visits", buckets=BUCKETS)
        with pytest.raises(InvalidArgument):
            visits.read("ann", key)

    def test_bad_ranges_are_refused(self, target: Store) -> None:
        """A series runs forwards, in a bucket that is counted, and is not endless."""
        visits = target.calendar_counter("visits")
        later = MOMENT + timedelta(seconds=1)
        with pytest.raises(InvalidArgument):
            visits.series("ann", "day", later, MOMENT)
        unknown: list[Any] = ["hour", "week", "", None]
        for bucket in unknown:
            with pytest.raises(InvalidArgument):
                visits.series("ann", bucket, MOMENT, later)
        with pytest.raises(InvalidArgument):
            visits.read("ann", "2014-01-15T09")
        start, end = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
        with pytest.raises(InvalidArgument):
            visits.series("ann", "day", start, end)

    @pytest.mark.parametrize(
        "options",
        [
            {"buckets": []}, {"buckets": ["week"]}, {"buckets": ["day", "day"]}, {"buckets": "day"},
            {"keep": {"week": timedelta(1)}}, {"keep": {"hour": timedelta(1)}},
            {"keep": {"total": timedelta(1)}}, {"keep": {"day": "400"}},
            {"keep": {"day": timedelta(0)}}, {"keep": {"day": timedelta(-1)}},
            {"keep": {"day": None}},
        ],
    )  # fmt: skip
    def test_bad_options_are_refused(self, target: Store, options: Any) -> None:
        """Buckets must be known and named once; only buckets that end can have a time to keep."""
        with pytest.raises(InvalidArgument):
            target.calendar_counter("visits", **options)


def _day(at: datetime) -> str:
    return keys_at(at, ["day"])["day"]
