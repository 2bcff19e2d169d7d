"""Counters by the calendar in LevelDB."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

from datapatterns import tuples
from datapatterns.calendars import (
    DEFAULT_BUCKETS,
    bucket_of,
    check_buckets,
    check_keep,
    end_of,
    in_utc,
    keys_at,
    series_keys,
)
from datapatterns.checks import Duration
from datapatterns.codecs import dumps, loads
from datapatterns.errors import DataCorrupted, InvalidArgument
from datapatterns.integers import INT64_MAX, INT64_MIN, check_seconds, check_step, microseconds
from datapatterns.level.driver import Database
from datapatterns.level.expiry import NEVER, Expiring, now
from datapatterns.level.space import HasSpace
from datapatterns.level.transaction import Transaction
from datapatterns.names import check_name

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _CalendarCounter:
    """What both faces are made of."""

    def __init__(
        self,
        client: HasSpace,
        name: str,
        *,
        buckets: Iterable[str] = DEFAULT_BUCKETS,
        keep: Mapping[str, Duration] | None = None,
        op_ttl: Duration = 3600.0,
    ) -> None:
        self._space = client.space
        self._name = check_name("a calendar counter's name", name)
        self._counts = Expiring(self._space, self._space.within("$calendars").prefix)
        self._operations = Expiring(self._space, self._space.within("$calendar-ops").prefix)
        self._buckets = check_buckets(buckets)
        self._keep = check_keep(keep, self._buckets)
        self._op_ttl = microseconds(check_seconds("op_ttl", op_ttl))

    def _add(
        self, subject: str, by: int, at: datetime | None, op_id: str | None
    ) -> Callable[[Transaction], dict[str, int]]:
        check_name("a subject", subject)
        check_step(by)
        moment = None if at is None else in_utc(at)
        parts = (self._name, subject, check_name("an op_id", op_id)) if op_id is not None else ()
        operation = tuples.pack(parts)

        def work(transaction: Transaction) -> dict[str, int]:
            clock = now()
            known = self._operations.get(transaction.get, operation, clock) if parts else None
            if known is not None:
                return loads(known)
            when = moment if moment is not None else _EPOCH + timedelta(microseconds=clock)
            counted = self._count(transaction, subject, by, when, clock)
            if parts:
                end = clock + self._op_ttl
                self._operations.put(transaction, operation, dumps(counted), clock, end)
            return counted

        return work

    def _count(
        self, transaction: Transaction, subject: str, by: int, when: datetime, clock: int
    ) -> dict[str, int]:
        """Add to every bucket that is still kept; a refusal of one takes back all."""
        counted: dict[str, int] = {}
        for bucket, key in keys_at(when, self._buckets).items():
            place, end = self._place(subject, key), self._end(bucket, when)
            if end != NEVER and end <= clock:
                counted[key] = 0
                continue
            value = _number(self._counts.get(transaction.get, place, clock)) + by
            if not INT64_MIN <= value <= INT64_MAX:
                raise InvalidArgument("a counter would leave 64 bits")
            self._counts.put(transaction, place, b"%d" % value, clock, end)
            counted[key] = value
        return counted

    def _end(self, bucket: str, when: datetime) -> int:
        """Until when the bucket of that moment is kept, in microseconds."""
        over = end_of(when, bucket)
        if bucket not in self._keep or over is None:
            return NEVER
        return (over + self._keep[bucket] - _EPOCH) // timedelta(microseconds=1)

    def _place(self, subject: str, key: str) -> bytes:
        return tuples.pack((self._name, check_name("a subject", subject), key))

    def _read(self, subject: str, keys: list[str]) -> Callable[[Database], list[int]]:
        places = [self._place(subject, key) for key in keys]

        def work(database: Database) -> list[int]:
            read, clock = partial(database.get, verify_checksums=True), now()
            return [_number(self._counts.get(read, place, clock)) for place in places]

        return work

    def _series(self, bucket: str, start: datetime, end: datetime) -> list[str]:
        self._check_bucket(bucket)
        return series_keys(bucket, start, end)

    def _key(self, key: str) -> list[str]:
        self._check_bucket(bucket_of(key))
        return [key]

    def _check_bucket(self, bucket: str) -> None:
        if bucket not in self._buckets:
            raise InvalidArgument(f"this counter has only {', '.join(self._buckets)}")

    def _forget(self, subject: str) -> Callable[[Transaction], None]:
        prefix = self._counts.prefix
        prefix += tuples.pack((self._name, check_name("a subject", subject)))

        def work(transaction: Transaction) -> None:
            for key, _ in list(transaction.items(prefix, prefix + tuples.AFTER)):
                transaction.store(key, None)

        return work


class CalendarCounter(_CalendarCounter):
    """Counters by total, year, month, day and so on, all moved in one atomic step, in UTC.

    `buckets` are by default `total`, `year`, `month` and `day`; there are `hour` and
    `month_of_year`, too.

    Each bucket is a key of its own, under the counter's name and the subject. Adding reads and
    writes every bucket in one step, by this machine's clock unless `at` is given. With
    `keep={"day": timedelta(days=400)}` a bucket is forgotten so long after its end: later writes
    remove it, and it reads as 0 before that. Without `keep` a bucket is kept until `forget`.

    An `op_id` is remembered for `op_ttl` seconds: the same call then returns what the first one
    returned. `add` is O(buckets), `series` O(length). Past 64 bits it is InvalidArgument, and no
    bucket has changed.
    """

    def add(
        self, subject: str, by: int = 1, *, at: datetime | None = None, op_id: str | None = None
    ) -> dict[str, int]:
        """Add to every bucket and return the new values by key; `at` defaults to the clock.

        A bucket whose time is over is not stored, and its value comes back as 0.
        """
        return self._space.write(self._add(subject, by, at, op_id))

    def read(self, subject: str, key: str) -> int:
        """Return one bucket's count by its key, 0 if nothing was counted."""
        return self._space.read(self._read(subject, self._key(key)))[0]

    def series(
        self, subject: str, bucket: str, start: datetime, end: datetime
    ) -> list[tuple[str, int]]:
        """Return every bucket from start to end, both included, with zeros filled in."""
        keys = self._series(bucket, start, end)
        return list(zip(keys, self._space.read(self._read(subject, keys)), strict=True))

    def forget(self, subject: str) -> None:
        """Remove all that was counted for the subject."""
        self._space.write(self._forget(subject))


class AsyncCalendarCounter(_CalendarCounter):
    """`CalendarCounter` for asyncio: the same methods, awaited."""

    async def add(
        self, subject: str, by: int = 1, *, at: datetime | None = None, op_id: str | None = None
    ) -> dict[str, int]:
        """Add to every bucket and return the new values by key; `at` defaults to the clock.

        A bucket whose time is over is not stored, and its value comes back as 0.
        """
        return await self._space.write_in_lane(self._add(subject, by, at, op_id))

    async def read(self, subject: str, key: str) -> int:
        """Return one bucket's count by its key, 0 if nothing was counted."""
        return self._space.read(self._read(subject, self._key(key)))[0]

    async def series(
        self, subject: str, bucket: str, start: datetime, end: datetime
    ) -> list[tuple[str, int]]:
        """Return every bucket from start to end, both included, with zeros filled in."""
        keys = self._series(bucket, start, end)
        counts = await self._space.read_in_lane(self._read(subject, keys))
        return list(zip(keys, counts, strict=True))

    async def forget(self, subject: str) -> None:
        """Remove all that was counted for the subject."""
        await self._space.write_in_lane(self._forget(subject))


def _number(data: bytes | None) -> int:
    try:
        return int(data or 0)
    except ValueError as error:
        raise DataCorrupted("a counter holds something that is no number") from error
