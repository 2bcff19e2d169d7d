"""Checks of arguments: each returns the argument, or raises InvalidArgument that names it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import timedelta
from typing import TypeVar

from datapatterns.errors import InvalidArgument

T = TypeVar("T")

Duration = float | timedelta
"""A length of time: a number of seconds (int or float), or a `timedelta`."""

TEN_YEARS = 10 * 365 * 86_400.0  # seconds
CENTURY = 10 * TEN_YEARS
INT32_MAX = 2**31 - 1

# The bytes that `escape` keeps. abstract-level allows the names of sublevels only these and "%",
# "." and "$", of which "%" begins an escape, "." joins a collection and its index, and a leading
# "$" marks the sublevels of this library.
_PLAIN = frozenset(range(0x23, 0x7F)) - frozenset(b"$%.")


def check_name(what: str, name: object) -> str:
    """Return the name unchanged; raise InvalidArgument unless it is a non-empty UTF-8 string.

    The message does not quote the name.
    """
    if not isinstance(name, str):
        raise InvalidArgument(f"{what} must be a string, not {type(name).__name__}")
    if not name:
        raise InvalidArgument(f"{what} must not be empty")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise InvalidArgument(f"{what} cannot be encoded as UTF-8") from None
    return name


def escape(name: str) -> str:
    """Return the name within printable ASCII without `!`, `"`, `$`, `%` and `.` but in escapes.

    Different names stay different.
    """
    return "".join(chr(b) if b in _PLAIN else f"%{b:02X}" for b in name.encode())


def check_names(what: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return the names as a tuple; raise InvalidArgument unless all of them are strings."""
    if isinstance(names, str) or not isinstance(names, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        raise InvalidArgument(f"{what} must be a list of names, not {type(names).__name__}")
    several = tuple(names)
    for name in several:
        if not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance] - as above
            raise InvalidArgument(f"{what} must be a list of names, not of {type(name).__name__}")
    return several


def check_flag(what: str, value: object) -> bool:
    """Return the flag unchanged; raise InvalidArgument unless it is True or False."""
    if not isinstance(value, bool):
        raise InvalidArgument(f"{what} must be True or False, not {type(value).__name__}")
    return value


def check_choice(what: str, value: T, choices: tuple[T, ...]) -> T:
    """Return the value unchanged; raise InvalidArgument unless it is one of the choices."""
    if not any(type(value) is type(choice) and value == choice for choice in choices):
        raise InvalidArgument(f"{what} must be one of {', '.join(map(repr, choices))}")
    return value


def check_count(what: str, value: object, *, least: int = 1, most: int | None = None) -> int:
    """Return the number unchanged; raise InvalidArgument unless it is whole and within bounds."""
    if (
        isinstance(value, int)
        and not isinstance(value, bool)
        and least <= value
        and (most is None or value <= most)
    ):
        return value
    bounds = f"of at least {least:,}" if most is None else f"from {least:,} to {most:,}"
    raise InvalidArgument(f"{what} must be a whole number {bounds}")


def seconds(what: str, value: object, *, least: float = 0.0, most: float = CENTURY) -> float:
    """Return the duration in seconds; raise InvalidArgument unless it is from `least` to `most`.

    `most` is 3.1536e+09, a century, if it is not given.
    """
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if not isinstance(value, int | float) or isinstance(value, bool):
        kind = type(value).__name__
        raise InvalidArgument(f"{what} must be a number of seconds or a timedelta, not {kind}")
    if not least <= value <= most:  # also refuses NaN
        bounds = f"at least {least:g}" if most == math.inf else f"from {least:g} to {most:,.0f}"
        raise InvalidArgument(f"{what} must be {bounds} seconds")
    return float(value)


def positive_seconds(what: str, value: object) -> float:
    """Return the duration in seconds; raise InvalidArgument unless it is 1 ms to ten years."""
    return seconds(what, value, least=0.001, most=TEN_YEARS)


def microseconds(what: str, value: object, *, positive: bool = False) -> int:
    """Return the duration in whole microseconds; the bounds are those of the functions above."""
    duration = positive_seconds(what, value) if positive else seconds(what, value)
    return round(duration * 1_000_000)
