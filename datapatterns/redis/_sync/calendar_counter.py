# Generated from datapatterns/redis/_async/calendar_counter.py by scripts/unasync.py; do not edit.
"""Counters by the calendar in Redis."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from datapatterns.calendars import (
    DEFAULT_BUCKETS,
    bucket_of,
    check_buckets,
    check_keep,
    in_utc,
    key_at,
    series_keys,
)
from datapatterns.checks import Duration
from datapatterns.errors import DataCorrupted, InvalidArgument, Unavailable
from datapatterns.integers import check_seconds, check_step
from datapatterns.names import check_name
from datapatterns.redis._sync.commands import read
from datapatterns.redis._sync.lua import SCRIPTS
from datapatterns.redis._sync.pools import RedisClient
from datapatterns.redis.keys import DEFAULT_NAMESPACE, Keys

TRIES = 10
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class CalendarCounter:
    """Counters by total, year, month, day and so on, all moved in one atomic step, in UTC.

    `buckets` are by default `total`, `year`, `month` and `day`; there are `hour` and
    `month_of_year`, too.

    A subject has a few small hashes under one hash tag: `all` with the total, years, months and
    months of the year; `days:2014` with up to 366 fields; `hours:2014-01-15` with 24. Redis keeps
    hashes of up to 512 short fields packed, in about a tenth of what a key for each would take.

    `add` is one script and one round trip: it takes the time from the server, derives the fields,
    HINCRBYs each, undoes them if one would leave 64 bits, and returns all new values. All keys of a
    script must be named beforehand, so the caller's clock guesses the day; at the wrong side of
    midnight the script answers "again" with its own time, and the guess is set right for good.

    `keep={"day": timedelta(days=400)}` keeps a bucket until so long after its end. When a new
    bucket begins the outdated fields of its hash are removed, and EXPIREAT ends whole hashes, so
    storage is bounded without any job: at most a year of days, or a day of hours, more than asked
    for. Without `keep` a bucket is kept until `forget`.

    An `op_id` is remembered for `op_ttl` seconds: the same call then returns what the first one
    returned. `add` and `read` are O(buckets), `series` is O(length) and one round trip.
    """

    def __init__(
        self,
        client: RedisClient,
        name: str,
        *,
        buckets: Iterable[str] = DEFAULT_BUCKETS,
        keep: Mapping[str, Duration] | None = None,
        op_ttl: Duration = 3600.0,
        namespace: str = DEFAULT_NAMESPACE,
    ) -> None:
        self.redis = client
        self._keys = Keys.of(namespace, "calendar", name)
        self._buckets = check_buckets(buckets)
        self._keep = check_keep(keep, self._buckets)
        self._op_ttl = round(check_seconds("op_ttl", op_ttl) * 1000)
        self._ahead = 0.0  # of the server's clock, in seconds, as far as is known

    def add(
        self, subject: str, by: int = 1, *, at: datetime | None = None, op_id: str | None = None
    ) -> dict[str, int]:
        """Add to every bucket and return the new values by key; `at` defaults to the clock.

        A bucket whose time is over is not stored, and its value comes back as 0.
        """
        keys = self._keys.about(subject)
        args: list[str | int] = [self._op_ttl]
        for bucket in self._buckets:
            kept = self._keep.get(bucket)
            args += [bucket, "" if kept is None else round(kept.total_seconds())]
        operation = [] if op_id is None else [keys("op", check_name("an op_id", op_id))]
        check_step(by)
        for _ in range(TRIES):
            when = self._server_time() if at is None else in_utc(at)
            moment = "now" if at is None else (when - _EPOCH) // timedelta(seconds=1)
            day = key_at(when, "day")
            places = [keys("all"), keys("days", day[:4]), keys("hours", day), *operation]
            said, *reply = SCRIPTS.write(
                self.redis, "calendar_add", places, [by, moment, day, *args]
            )
            if said == b"done":
                return {reply[i].decode(): int(reply[i + 1]) for i in range(0, len(reply), 2)}
            self._ahead = int(reply[0]) - time.time()
        raise Unavailable("the server's clock does not stand on one day")

    def read(self, subject: str, key: str) -> int:
        """Return one bucket's count by its key, 0 if nothing was counted."""
        self._check_bucket(bucket_of(key))
        hash_, field = _place(self._keys.about(subject), key)
        return _number(read(self.redis, "HGET", hash_, field))

    def series(
        self, subject: str, bucket: str, start: datetime, end: datetime
    ) -> list[tuple[str, int]]:
        """Return every bucket from start to end, both included, with zeros filled in."""
        self._check_bucket(bucket)
        names = series_keys(bucket, start, end)
        keys = self._keys.about(subject)
        hashes: list[bytes] = []
        args: list[str | int] = []
        places = (_place(keys, name) for name in names)
        for hash_, group in itertools.groupby(places, key=lambda place: place[0]):
            fields = [field for _, field in group]
            hashes.append(hash_)
            args += [len(fields), *fields]
        counts = SCRIPTS.read(self.redis, "calendar_series", hashes, args)
        return list(zip(names, map(_number, counts), strict=True))

    def forget(self, subject: str) -> None:
        """Remove all that was counted for the subject."""
        keys = self._keys.about(subject)
        for _ in range(TRIES):
            fields = [field.decode() for field in read(self.redis, "HKEYS", keys("all"))]
            notes = [field for field in fields if field[0] in "dh"]
            places = [keys("all")]
            for note in notes:
                places += _noted(keys, note)
            if SCRIPTS.write(self.redis, "calendar_forget", places, notes):
                return
        raise Unavailable("new days are being counted faster than they can be forgotten")

    def _check_bucket(self, bucket: str) -> None:
        if bucket not in self._buckets:
            raise InvalidArgument(f"this counter has only {', '.join(self._buckets)}")

    def _server_time(self) -> datetime:
        return datetime.fromtimestamp(time.time() + self._ahead, UTC)


def _place(keys: Keys, key: str) -> tuple[bytes, str]:
    """The hash and the field in which that bucket is counted."""
    match bucket_of(key):
        case "day":
            return keys("days", key[:4]), key[5:7] + key[8:10]
        case "hour":
            return keys("hours", key[:10]), key[11:13]
        case _:
            return keys("all"), key


def _noted(keys: Keys, note: str) -> list[bytes]:
    """The keys that a note in `all` stands for: `d2014` its days, `h2014-01` hours of 31 days."""
    if note[0] == "d":
        return [keys("days", note[1:])]
    return [keys("hours", f"{note[1:]}-{day:02}") for day in range(1, 32)]


def _number(stored: bytes | None) -> int:
    try:
        return int(stored or 0)
    except ValueError as error:
        raise DataCorrupted("a counter holds something that is no number") from error
