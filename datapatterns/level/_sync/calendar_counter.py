# Generated from datapatterns/level/_async/calendar_counter.py by scripts/unasync.py; do not edit.
"""Counters by the calendar in LevelDB."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from typing_extensions import override

from datapatterns.core.calendar_counter import DEFAULT_BUCKETS
from datapatterns.core.checks import Duration, check_name, microseconds
from datapatterns.level._sync.level import Level
from datapatterns.level.engine.space import Space
from datapatterns.level.steps.calendar_counter import CalendarCounterSteps
from datapatterns.patterns._sync.calendar_counter import BaseCalendarCounter


class CalendarCounter(BaseCalendarCounter):
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
        client: Level,
        name: str,
        *,
        buckets: Iterable[str] = DEFAULT_BUCKETS,
        keep: Mapping[str, Duration] | None = None,
        op_ttl: Duration = 3600.0,
    ) -> None:
        super().__init__(buckets=buckets, keep=keep, op_ttl=op_ttl)
        self._space = Space.of(client)
        self._steps = CalendarCounterSteps(
            self._space.prefix,
            check_name("a calendar counter's name", name),
            self._buckets,
            self._keep,
            microseconds("op_ttl", self._op_ttl),
        )

    @override
    def _add(self, subject: str, by: int, at: datetime | None, op_id: str | None) -> dict[str, int]:
        check_name("a subject", subject)
        return self._space.write(self._steps.add, subject, by, at, op_id)

    @override
    def _read(self, subject: str, key: str) -> int:
        check_name("a subject", subject)
        return (self._space.read(self._steps.read, subject, [key]))[0]

    @override
    def _read_many(self, subject: str, keys: Sequence[str]) -> list[int]:
        check_name("a subject", subject)
        return self._space.scan(self._steps.read, subject, keys)

    @override
    def forget(self, subject: str) -> None:
        self._space.write(self._steps.forget, check_name("a subject", subject))
