"""The steps of a calendar counter: a key for each bucket of a subject, and results by op_id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from datapatterns.core import tuples
from datapatterns.core.calendar_counter import end_of, keys_at
from datapatterns.core.codecs import dumps, loads
from datapatterns.core.counter import INT64_MAX, INT64_MIN, stored_count
from datapatterns.errors import InvalidArgument
from datapatterns.level.engine.keys import own_prefix
from datapatterns.level.engine.readers import Reader, Writer
from datapatterns.level.steps.expiry import NEVER, Expiring, now

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class CalendarCounterSteps:
    """`!$calendars!` + tuple(name, subject, bucket) holds a count and when it ends.

    `!$calendar-ops!` + tuple(name, subject, op_id) holds what an operation has returned.
    """

    def __init__(
        self,
        namespace: bytes,
        name: str,
        buckets: Sequence[str],
        keep: Mapping[str, timedelta],
        op_ttl: int,
    ) -> None:
        self._counts = Expiring(namespace, namespace + own_prefix("$calendars"))
        self._operations = Expiring(namespace, namespace + own_prefix("$calendar-ops"))
        self._name, self._buckets, self._keep, self._op_ttl = name, buckets, keep, op_ttl

    def read(self, reader: Reader, subject: str, keys: Sequence[str]) -> list[int]:
        """Return the counts of these buckets, 0 where nothing was counted."""
        clock = now()
        stored = (self._counts.get(reader, self._key(subject, key), clock) for key in keys)
        return [stored_count(count) for count in stored]

    def add(
        self, writer: Writer, subject: str, by: int, at: datetime | None, op_id: str | None
    ) -> dict[str, int]:
        """Add to every bucket; for an operation that was done, only return its result."""
        clock = now()
        when = _EPOCH + timedelta(microseconds=clock) if at is None else at
        if op_id is None:
            return self._count(writer, subject, by, when, clock)
        operation = self._key(subject, op_id)
        result = self._operations.get(writer, operation, clock)
        if result is not None:
            return loads(result)
        counted = self._count(writer, subject, by, when, clock)
        self._operations.put(writer, operation, dumps(counted), clock, clock + self._op_ttl)
        return counted

    def forget(self, writer: Writer, subject: str) -> None:
        """Remove every count of the subject."""
        prefix = self._counts.prefix + tuples.pack((self._name, subject))
        for key in list(writer.keys(prefix, prefix + tuples.AFTER)):
            writer.store(key, None)

    def _count(
        self, writer: Writer, subject: str, by: int, when: datetime, clock: int
    ) -> dict[str, int]:
        """Add to every bucket that is still kept and return the new counts."""
        counted: dict[str, int] = {}
        for bucket, name in keys_at(when, self._buckets).items():
            key, end = self._key(subject, name), self._end(bucket, when)
            if end != NEVER and end <= clock:
                counted[name] = 0
                continue
            value = stored_count(self._counts.get(writer, key, clock)) + by
            if not INT64_MIN <= value <= INT64_MAX:
                raise InvalidArgument("a counter would leave 64 bits")
            self._counts.put(writer, key, b"%d" % value, clock, end)
            counted[name] = value
        return counted

    def _end(self, bucket: str, when: datetime) -> int:
        """Return until when the bucket of that moment is kept, in microseconds."""
        over = end_of(when, bucket)
        if bucket not in self._keep or over is None:
            return NEVER
        return (over + self._keep[bucket] - _EPOCH) // timedelta(microseconds=1)

    def _key(self, subject: str, part: str) -> bytes:
        return tuples.pack((self._name, subject, part))
