"""Whole numbers and times given as arguments: what fits, and InvalidArgument for what does not."""

from __future__ import annotations

from datapatterns import checks
from datapatterns.errors import DataCorrupted, InvalidArgument
from datapatterns.names import check_name

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1


def check_step(by: object) -> int:
    """What to add to a counter: a whole number that fits in 64 bits with either sign."""
    if not isinstance(by, int) or isinstance(by, bool):
        raise InvalidArgument(f"by must be a whole number, not {type(by).__name__}")
    if not -INT64_MAX <= by <= INT64_MAX:
        raise InvalidArgument("by does not fit in 64 bits")
    return by


def check_op_id(op_id: str | None) -> str | None:
    """Return the operation's id, None for none; raise InvalidArgument unless it is a name."""
    return None if op_id is None else check_name("an op_id", op_id)


def stored_count(data: bytes | None) -> int:
    """Return the number that a counter stored, 0 for nothing; raise DataCorrupted for no number."""
    try:
        return int(data or 0)
    except ValueError as error:
        raise DataCorrupted("a counter holds something that is no number") from error


def check_count(what: str, value: object, *, most: int) -> int:
    """A whole number from 1 to `most`."""
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise InvalidArgument(f"{what} must be a whole number from 1 to {most:,}")
    return value


def check_seconds(what: str, value: object, *, least: float = 0.001) -> float:
    """Return the duration in seconds; raise InvalidArgument unless it is `least` to ten years."""
    return checks.seconds(what, value, least=least, most=checks.TEN_YEARS)


def microseconds(seconds: float) -> int:
    """The time in whole microseconds."""
    return round(seconds * 1_000_000)
