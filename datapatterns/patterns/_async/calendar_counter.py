"""What calendar counters of every backend share: the options, and the keys that are asked for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from typing_extensions import override

from datapatterns import contracts
from datapatterns.core.calendar_counter import (
    bucket_of,
    check_buckets,
    check_keep,
    in_utc,
    series_keys,
)
from datapatterns.core.checks import Duration, positive_seconds
from datapatterns.core.counter import check_op_id, check_step
from datapatterns.errors import InvalidArgument


class AsyncBaseCalendarCounter(contracts.AsyncCalendarCounter):
    """The part of a calendar counter that does not depend on the backend.

    A backend brings `_add`, `_read`, `_read_many` and `forget`. All arguments but the subject are
    checked; the backend checks that one, since it becomes part of a key.
    """

    def __init__(
        self, *, buckets: Iterable[str], keep: Mapping[str, Duration] | None, op_ttl: Duration
    ) -> None:
        self._buckets = check_buckets(buckets)
        self._keep = check_keep(keep, self._buckets)
        self._op_ttl = positive_seconds("op_ttl", op_ttl)

    @abstractmethod
    async def _add(
        self, subject: str, by: int, at: datetime | None, op_id: str | None
    ) -> dict[str, int]:
        """Add to all of `self._buckets` in one atomic step and return the new values by key.

        `at` is in UTC, None for now. An operation that was done lately adds nothing and returns
        its former result.
        """

    @abstractmethod
    async def _read(self, subject: str, key: str) -> int:
        """Return the count under the key, 0 if nothing was counted."""

    @abstractmethod
    async def _read_many(self, subject: str, keys: Sequence[str]) -> Iterable[int]:
        """Return the counts in the order of the keys, 0 where nothing was counted."""

    @override
    async def add(
        self, subject: str, by: int = 1, *, at: datetime | None = None, op_id: str | None = None
    ) -> dict[str, int]:
        moment = None if at is None else in_utc(at)
        return await self._add(subject, check_step(by), moment, check_op_id(op_id))

    @override
    async def read(self, subject: str, key: str) -> int:
        self._check_bucket(bucket_of(key))
        return await self._read(subject, key)

    @override
    async def series(
        self, subject: str, bucket: str, start: datetime, end: datetime
    ) -> list[tuple[str, int]]:
        self._check_bucket(bucket)
        keys = series_keys(bucket, start, end)
        return list(zip(keys, await self._read_many(subject, keys), strict=True))

    def _check_bucket(self, bucket: str) -> None:
        """Raise InvalidArgument for a bucket that this counter does not count in."""
        if bucket not in self._buckets:
            raise InvalidArgument(f"this counter has only {', '.join(self._buckets)}")
