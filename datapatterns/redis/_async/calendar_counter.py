"""Counters by the calendar in Redis."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from typing_extensions import override

from datapatterns.core.calendar_counter import DEFAULT_BUCKETS, bucket_of, key_at
from datapatterns.core.checks import Duration
from datapatterns.core.counter import stored_count
from datapatterns.errors import Unavailable
from datapatterns.patterns._async.calendar_counter import AsyncBaseCalendarCounter
from datapatterns.redis._async.lua import SCRIPTS
from datapatterns.redis.keys import DEFAULT_NAMESPACE, Keys
from datapatterns.redis.wire._async.commands import read
from datapatterns.redis.wire._async.pools import AsyncRedisClient

TRIES = 10
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class AsyncCalendarCounter(AsyncBaseCalendarCounter):
    """Counts of a subject by total, year, month, day and so on, in UTC.

    `buckets` are by default `total`, `year`, `month` and `day`; `hour` and `month_of_year` are the
    others.

    A subject has a few small hashes under one hash tag: `all` with the total, years, months and
    months of the year; `days:2014` with up to 366 fields; `hours:2014-01-15` with 24. Redis keeps
    hashes of up to 512 short fields packed, in about a tenth of the memory of a key for each.

    `add` is one script and one round trip: it reads the server's clock, derives the fields,
    HINCRBYs each, undoes that if one would need more than 64 bits, and returns all new values. The
    keys of a script must be named beforehand, so the caller's clock guesses the day. If the guess
    is wrong, around midnight, the script answers "again" with its own time, which corrects all
    later guesses.

    `keep={"day": timedelta(days=400)}` keeps a bucket until so long after its end. When a new
    bucket begins, the outdated fields of its hash are removed, and EXPIREAT ends whole hashes, so
    storage is bounded without any job: by at most a year of days, or a day of hours, more than
    `keep` says. Without `keep` a bucket is kept until `forget`.

    An `op_id` is remembered for `op_ttl` seconds: a repetition returns the result of the first
    call. `add` and `read` are O(buckets), `series` is O(length) and one round trip.
    """

    def __init__(
        self,
        client: AsyncRedisClient,
        name: str,
        *,
        buckets: Iterable[str] = DEFAULT_BUCKETS,
        keep: Mapping[str, Duration] | None = None,
        op_ttl: Duration = 3600.0,
        namespace: str = DEFAULT_NAMESPACE,
    ) -> None:
        super().__init__(buckets=buckets, keep=keep, op_ttl=op_ttl)
        self.redis = client
        self._keys = Keys.of(namespace, "calendar", name)
        self._ahead = 0.0  # of the server's clock, in seconds, as far as is known

    @override
    async def _add(
        self, subject: str, by: int, at: datetime | None, op_id: str | None
    ) -> dict[str, int]:
        keys = self._keys.about(subject)
        args: list[str | int] = [round(self._op_ttl * 1000)]
        for bucket in self._buckets:
            kept = self._keep.get(bucket)
            args += [bucket, "" if kept is None else round(kept.total_seconds())]
        operation = [] if op_id is None else [keys("op", op_id)]
        for _ in range(TRIES):
            when = self._server_time() if at is None else at
            moment = "now" if at is None else (when - _EPOCH) // timedelta(seconds=1)
            day = key_at(when, "day")
            named = [keys("all"), keys("days", day[:4]), keys("hours", day), *operation]
            said, *reply = await SCRIPTS.write(
                self.redis, "calendar_counter/add", named, [by, moment, day, *args]
            )
            if said == b"done":
                return {reply[i].decode(): int(reply[i + 1]) for i in range(0, len(reply), 2)}
            self._ahead = int(reply[0]) - time.time()
        raise Unavailable("the server's clock changes its day again and again; set it right")

    @override
    async def _read(self, subject: str, key: str) -> int:
        hash_, field = _field(self._keys.about(subject), key)
        return stored_count(await read(self.redis, "HGET", hash_, field))

    @override
    async def _read_many(self, subject: str, keys: Sequence[str]) -> list[int]:
        about = self._keys.about(subject)
        fields = [_field(about, key) for key in keys]
        hashes: list[bytes] = []
        args: list[str | int] = []
        for hash_, group in itertools.groupby(fields, key=lambda pair: pair[0]):
            wanted = [field for _, field in group]
            hashes.append(hash_)
            args += [len(wanted), *wanted]
        counts = await SCRIPTS.read(self.redis, "calendar_counter/series", hashes, args)
        return [stored_count(count) for count in counts]

    @override
    async def forget(self, subject: str) -> None:
        keys = self._keys.about(subject)
        for _ in range(TRIES):
            fields = [field.decode() for field in await read(self.redis, "HKEYS", keys("all"))]
            notes = [field for field in fields if field[0] in "dh"]
            named = [keys("all")]
            for note in notes:
                named += _noted(keys, note)
            if await SCRIPTS.write(self.redis, "calendar_counter/forget", named, notes):
                return
        raise Unavailable("new days are counted faster than they can be removed; try again")

    def _server_time(self) -> datetime:
        return datetime.fromtimestamp(time.time() + self._ahead, UTC)


def _field(keys: Keys, key: str) -> tuple[bytes, str]:
    """Return the hash and the field in which the bucket of that key is counted."""
    match bucket_of(key):
        case "day":
            return keys("days", key[:4]), key[5:7] + key[8:10]
        case "hour":
            return keys("hours", key[:10]), key[11:13]
        case _:
            return keys("all"), key


def _noted(keys: Keys, note: str) -> list[bytes]:
    """Return the keys that a note in `all` means: `d2014` the days of 2014, `h2014-01` the hours
    of its 31 days."""
    if note[0] == "d":
        return [keys("days", note[1:])]
    return [keys("hours", f"{note[1:]}-{day:02}") for day in range(1, 32)]
