"""The tests of what every Repository promises about datetimes and dates in its indexes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, ClassVar

import pytest

from datapatterns import AsyncStore, Document, Index, InvalidArgument, InvalidData
from datapatterns.contracts import AsyncRepository
from datapatterns.testing.conformance.samples import PlainVisit, Visit

INBOX, DAYS = Index("inbox", "page", "at"), Index("days", "day")
EAST, WEST = timezone(timedelta(hours=2)), timezone(timedelta(hours=-7))
TEN = datetime(2026, 1, 1, 10, tzinfo=UTC)
HALF = TEN + timedelta(seconds=0.5)

# In the order of time, which is not that of the texts that pydantic writes.
TIMES = (
    datetime.min.replace(tzinfo=UTC),
    datetime(987, 6, 5, tzinfo=UTC),
    datetime(2026, 1, 1, 11, 30, tzinfo=EAST),  # 09:30
    TEN,
    TEN + timedelta(microseconds=1),
    HALF.astimezone(WEST),
    TEN + timedelta(seconds=1),
    datetime(2026, 1, 1, 11, tzinfo=UTC),
    datetime.max.replace(tzinfo=UTC),
)


class TestMoments:
    """Tests of moments: their order, their bounds, and their resolution of a microsecond."""

    pattern: ClassVar[str] = "repository"

    async def _visits(self, target: AsyncStore) -> AsyncRepository[Visit]:
        """Return a repository with these times, stored in another order, and a day each."""
        visits = target.repository("visits", Visit, indexes=[INBOX, DAYS])
        numbered = list(enumerate(TIMES))
        await visits.create_many(
            Visit(id=str(n), at=at, day=date(2026, 1, 1 + n)) for n, at in numbered[::-2]
        )
        for n, at in numbered[-2::-2]:  # and by way of an update
            await visits.create(Visit(id=str(n), at=TEN, day=date(2026, 1, 1 + n)))
            await visits.update(str(n), {"at": at})
        return visits

    async def test_the_order_is_that_of_time(self, target: AsyncStore) -> None:
        """Offsets and fractions of a second do not change the order; results are in UTC."""
        visits = await self._visits(target)
        found = [one.at async for one in visits.iterate("inbox", "/")]
        assert found == list(TIMES)
        assert {at.tzinfo for at in found} == {UTC}
        found = [one.at async for one in visits.iterate("inbox", descending=True)]
        assert found == list(TIMES[::-1])
        assert (await visits.get_raw("2"))["at"] == "2026-01-01T09:30:00.000000Z"

    async def test_datetimes_bound_a_query(self, target: AsyncStore) -> None:
        """Datetimes of any time zone, and dates, may be bounds and prefixes."""
        visits = await self._visits(target)

        async def ids(index: str, *prefix: Any, **bounds: Any) -> str:
            return "".join([str(one.id) for one in await visits.query(index, *prefix, **bounds)])

        for zone in (UTC, EAST, WEST):
            start, end = TEN.astimezone(zone), HALF.astimezone(zone)
            assert await ids("inbox", "/", start=start, end=end) == "34"
            assert await ids("inbox", start=("/", start), end=("/", end)) == "34"
            assert await ids("inbox", "/", start=end, end=start, descending=True) == "54"
            assert await ids("inbox", "/", start) == "3"
            assert await visits.count("inbox", "/", end) == 1
        assert await ids("days", start=date(2026, 1, 3), end=date(2026, 1, 5)) == "23"
        assert await visits.count("days", date(2026, 1, 3)) == 1

    async def test_pages_and_counts_of_moments(self, target: AsyncStore) -> None:
        """A cursor is valid for equal bounds; counts are by the stored text."""
        visits = await self._visits(target)
        bounds: dict[str, Any] = {"start": TEN, "end": TIMES[-1], "limit": 2}
        first = await visits.query("inbox", "/", **bounds)
        bounds["start"] = TEN.astimezone(EAST)
        second = await visits.query("inbox", "/", **bounds, after=first.next)
        assert [one.id for one in (*first, *second)] == ["3", "4", "5", "6"]
        assert list(await visits.query("inbox", "/", **bounds, after=second.previous)) == list(
            first
        )
        counts = await visits.counts("inbox", depth=2)
        assert counts["/", "2026-01-01T10:00:00.500000Z"] == 1
        assert len(counts) == len(TIMES)

    async def test_naive_datetimes_are_refused(self, target: AsyncStore) -> None:
        """A query with one is InvalidArgument; a document with one is InvalidData."""
        visits = await self._visits(target)
        naive = TEN.replace(tzinfo=None)
        calls: tuple[Callable[[], Any], ...] = (
            lambda: visits.query("inbox", "/", start=naive),
            lambda: visits.query("inbox", "/", end=naive),
            lambda: visits.query("inbox", start=("/", naive)),
            lambda: visits.query("inbox", "/", naive),
            lambda: visits.count("inbox", "/", naive),
        )
        for call in calls:
            with pytest.raises(InvalidArgument, match="time zone"):
                await call()
        late = Visit(at=TEN)
        late.at = naive
        with pytest.raises(InvalidData) as raised:
            await visits.create(late)
        assert raised.value.errors[0]["loc"] == ("at",)

    async def test_what_a_plain_datetime_has_stored(self, target: AsyncStore) -> None:
        """An old document reads as before, and is in order once it is written again."""
        plain = target.repository("visits", PlainVisit)
        for n, at in enumerate((TEN, HALF, TIMES[2])):
            await plain.create(PlainVisit(id=str(n), at=at))
        visits = target.repository("visits", Visit, indexes=[INBOX])
        for id in "012":
            await visits.update(id, {"at": (await visits.get(id)).at})
        assert [one.id async for one in visits.iterate("inbox")] == ["2", "0", "1"]

    @pytest.mark.parametrize("indexes", ["at", INBOX, None, 7, ["at"], [None], [Index("i", "a")]])
    async def test_indexes_that_are_none(self, target: AsyncStore, indexes: Any) -> None:
        """A value other than an Index, or an unknown field, raises InvalidArgument at once."""
        with pytest.raises(InvalidArgument):
            target.repository("visits", Visit, indexes=indexes)

    async def test_an_index_of_what_others_store(self, target: AsyncStore) -> None:
        """A model that allows extra fields may have an index on one of them."""

        class Open(Document, extra="allow"):
            pass

        others = target.repository("others", Open, indexes=[Index("by_shoe", "shoe.size")])
        await others.create(Open.model_validate({"id": "a", "shoe": {"size": 45}}))
        assert await others.counts("by_shoe") == {45: 1}
