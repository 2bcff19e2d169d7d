# Generated from datapatterns/contracts/_async/calendar_counter.py by scripts/unasync.py; do not edit.
"""The contract of calendar counters."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class CalendarCounter(Protocol):
    """Counts of a subject by total, year, month, day and so on, in UTC.

    One atomic step adds to all buckets. The keys are `total`, `2014`, `2014-01`, `2014-01-15`,
    `2014-01-15T09` (hour) and `01` (month of the year). The option `keep` says for how long after
    its end a bucket is stored; no job is needed for that.
    """

    def add(
        self, subject: str, by: int = 1, *, at: datetime | None = None, op_id: str | None = None
    ) -> dict[str, int]:
        """Add to every bucket of the moment `at` (default: now) and return the new values by key.

        A bucket whose time to be kept is over is not stored; its value is returned as 0. With an
        `op_id`, a repetition within `op_ttl` adds nothing and returns the result of the first call.
        Raise InvalidArgument, and change nothing, if a value would need more than 64 bits.
        """
        ...

    def read(self, subject: str, key: str) -> int:
        """Return the count under the key, 0 if nothing was counted."""
        ...

    def series(
        self, subject: str, bucket: str, start: datetime, end: datetime
    ) -> list[tuple[str, int]]:
        """Return the key and the count of every bucket from `start` to `end`, both included.

        Buckets without a count are there with 0. Raise InvalidArgument if `end` is before `start`,
        or for more than 100,000 buckets.
        """
        ...

    def forget(self, subject: str) -> None:
        """Remove all counts of the subject."""
        ...
