"""The buckets of a calendar counter, in UTC, and their keys.

| bucket | key |
|---|---|
| `total` | `total` |
| `year` | `2014` |
| `month` | `2014-01` |
| `day` | `2014-01-15` |
| `hour` | `2014-01-15T09` |
| `month_of_year` | `01` |

The keys of one bucket sort as strings in the order of time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from datapatterns.core.checks import Duration, check_names, seconds
from datapatterns.errors import InvalidArgument

BUCKETS = ("total", "year", "month", "day", "hour", "month_of_year")
BOUNDABLE = ("year", "month", "day", "hour")  # the other buckets do not end
DEFAULT_BUCKETS = ("total", "year", "month", "day")
LONGEST_SERIES = 100_000

_SHAPES = {
    "year": re.compile(r"(\d{4})"),
    "month": re.compile(r"(\d{4})-(\d\d)"),
    "day": re.compile(r"(\d{4})-(\d\d)-(\d\d)"),
    "hour": re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d)"),
}


def check_buckets(buckets: Iterable[str]) -> tuple[str, ...]:
    """Return the buckets as a tuple; raise InvalidArgument if one is unknown or repeated."""
    names = check_names("buckets", buckets)
    if not names or len(set(names)) != len(names) or not set(names) <= set(BUCKETS):
        raise InvalidArgument(f"buckets must be one or more of {', '.join(BUCKETS)}, each once")
    return names


def check_keep(
    keep: Mapping[str, Duration] | None, buckets: tuple[str, ...]
) -> dict[str, timedelta]:
    """Return how long each bucket is kept after its end; raise InvalidArgument if it has none."""
    if keep is not None and not isinstance(keep, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        kind = type(keep).__name__
        raise InvalidArgument(f"keep must be a mapping of buckets to durations, not {kind}")
    kept: dict[str, timedelta] = {}
    for bucket, time in (keep or {}).items():
        if bucket not in buckets or bucket not in BOUNDABLE:
            raise InvalidArgument(
                f"keep must name buckets of this counter out of {', '.join(BOUNDABLE)}"
            )
        kept[bucket] = timedelta(seconds=seconds(f"keep[{bucket!r}]", time, least=0.001))
    return kept


def in_utc(moment: object) -> datetime:
    """Return the moment in UTC; a datetime without a time zone counts as UTC."""
    if not isinstance(moment, datetime):
        raise InvalidArgument(f"a moment must be a datetime, not {type(moment).__name__}")
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise InvalidArgument("the moment is out of the calendar's range in UTC") from None


def key_at(moment: datetime, bucket: str) -> str:
    """Return the key of the moment in the bucket; raise InvalidArgument for an unknown bucket."""
    at = in_utc(moment)
    match bucket:
        case "total":
            return "total"
        case "year":
            return f"{at.year:04}"
        case "month":
            return f"{at.year:04}-{at.month:02}"
        case "day":
            return f"{at.year:04}-{at.month:02}-{at.day:02}"
        case "hour":
            return f"{at.year:04}-{at.month:02}-{at.day:02}T{at.hour:02}"
        case "month_of_year":
            return f"{at.month:02}"
        case _:
            raise InvalidArgument(f"bucket must be one of {', '.join(BUCKETS)}")


def keys_at(moment: datetime, buckets: Iterable[str]) -> dict[str, str]:
    """Return the moment's key in each of the buckets."""
    return {bucket: key_at(moment, bucket) for bucket in buckets}


def bucket_of(key: object) -> str:
    """Return the bucket that the key belongs to; raise InvalidArgument if it is not a key."""
    if key == "total":
        return "total"
    if isinstance(key, str) and re.fullmatch(r"0[1-9]|1[0-2]", key, re.ASCII):
        return "month_of_year"
    for bucket, shape in _SHAPES.items():
        if isinstance(key, str) and (found := re.fullmatch(shape, key)) and key.isascii():
            parts = [int(part) for part in found.groups()]
            year, month, day, hour = parts + [1, 1, 1, 0][len(parts) :]
            try:
                datetime(year, month, day, hour, tzinfo=UTC)
            except ValueError:
                break
            return bucket
    raise InvalidArgument(
        "key must look like total, 2014, 2014-01, 2014-01-15, 2014-01-15T09 or 01"
    )


def end_of(moment: datetime, bucket: str) -> datetime | None:
    """Return when the bucket with the moment in it ends, or None if it does not end."""
    if bucket not in BOUNDABLE:
        return None
    try:
        return _next(_start(in_utc(moment), bucket), bucket)
    except (OverflowError, ValueError):
        return None  # after the year 9999


def series_keys(bucket: str, start: datetime, end: datetime) -> list[str]:
    """Return every key from that of `start` to that of `end`, each once, in the order of time.

    Raise InvalidArgument if `end` is before `start`, or if there are more than 100,000 keys.
    """
    first, last = in_utc(start), in_utc(end)
    if last < first:
        raise InvalidArgument("end must not be before start")
    if bucket == "total":
        return ["total"]
    by = "month" if bucket == "month_of_year" else bucket
    keys = dict.fromkeys(key_at(moment, bucket) for moment in _moments(by, first, last))
    return list(keys)


def _moments(bucket: str, first: datetime, last: datetime) -> Iterator[datetime]:
    """Yield the start of every bucket from the first to the last."""
    at = _start(first, bucket)
    for _ in range(LONGEST_SERIES):
        yield at
        try:
            at = _next(at, bucket)
        except (OverflowError, ValueError):
            return
        if at > last:
            return
    raise InvalidArgument(f"a series must have at most {LONGEST_SERIES:,} keys")


def _start(at: datetime, bucket: str) -> datetime:
    match bucket:
        case "year":
            return datetime(at.year, 1, 1, tzinfo=UTC)
        case "month":
            return datetime(at.year, at.month, 1, tzinfo=UTC)
        case "day":
            return datetime(at.year, at.month, at.day, tzinfo=UTC)
        case "hour":
            return datetime(at.year, at.month, at.day, at.hour, tzinfo=UTC)
        case _:
            raise InvalidArgument(f"bucket must be one of {', '.join(BUCKETS)}")


def _next(start: datetime, bucket: str) -> datetime:
    match bucket:
        case "year":
            return start.replace(year=start.year + 1)
        case "month":
            later = start.month == 12
            return start.replace(year=start.year + later, month=1 if later else start.month + 1)
        case "day":
            return start + timedelta(days=1)
        case _:
            return start + timedelta(hours=1)
