"""Counters by the calendar in LevelDB."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from typing_extensions import override

from datapatterns._async import contracts
from datapatterns.calendars import (
    DEFAULT_BUCKETS,
    bucket_of,
    check_buckets,
    check_keep,
    in_utc,
    series_keys,
)
from datapatterns.checks import Duration, check_name, microseconds
from datapatterns.counters import check_step
from datapatterns.errors import InvalidArgument
from datapatterns.level._async.level import AsyncLevel
from datapatterns.level.space import AsyncSpace
from datapatterns.level.steps.calendar_counter import CalendarCounterSteps


class AsyncCalendarCounter(contracts.AsyncCalendarCounter):
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

    def __init__(
        self,
        client: AsyncLevel,
        name: str,
        *,
        buckets: Iterable[str] = DEFAULT_BUCKETS,
        keep: Mapping[str, Duration] | None = None,
        op_ttl: Duration = 3600.0,
    ) -> None:
        self._space = AsyncSpace.of(client)
        self._buckets = check_buckets(buckets)
        self._steps = CalendarCounterSteps(
            self._space.prefix,
            check_name("a calendar counter's name", name),
            self._buckets,
            check_keep(keep, self._buckets),
            microseconds("op_ttl", op_ttl, positive=True),
        )

    @override
    async def add(
        self, subject: str, by: int = 1, *, at: datetime | None = None, op_id: str | None = None
    ) -> dict[str, int]:
        check_name("a subject", subject)
        moment = None if at is None else in_utc(at)
        if op_id is not None:
            check_name("an op_id", op_id)
        return await self._space.write(self._steps.add, subject, check_step(by), moment, op_id)

    @override
    async def read(self, subject: str, key: str) -> int:
        self._check_bucket(bucket_of(key))
        check_name("a subject", subject)
        return (await self._space.read(self._steps.read, subject, [key]))[0]

    @override
    async def series(
        self, subject: str, bucket: str, start: datetime, end: datetime
    ) -> list[tuple[str, int]]:
        self._check_bucket(bucket)
        keys = series_keys(bucket, start, end)
        check_name("a subject", subject)
        counts = await self._space.scan(self._steps.read, subject, keys)
        return list(zip(keys, counts, strict=True))

    @override
    async def forget(self, subject: str) -> None:
        await self._space.write(self._steps.forget, check_name("a subject", subject))

    def _check_bucket(self, bucket: str) -> None:
        if bucket not in self._buckets:
            raise InvalidArgument(f"this counter has only {', '.join(self._buckets)}")
