"""Checks of arguments: return what fits, raise InvalidArgument naming the argument otherwise."""

from __future__ import annotations

import math
from datetime import timedelta

from datapatterns.errors import InvalidArgument

Duration = float | timedelta
"""A length of time: a number of seconds (int or float), or a `timedelta`."""

TEN_YEARS = 10 * 365 * 86_400.0  # seconds
CENTURY = 10 * TEN_YEARS


def seconds(what: str, value: object, *, least: float = 0.0, most: float = CENTURY) -> float:
    """Return the duration in seconds; raise InvalidArgument unless it is from `least` to `most`."""
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if not isinstance(value, int | float) or isinstance(value, bool):
        kind = type(value).__name__
        raise InvalidArgument(f"{what} must be a number of seconds or a timedelta, not {kind}")
    if not least <= value <= most:  # also refuses NaN
        bounds = f"at least {least:g}" if most == math.inf else f"from {least:g} to {most:,.0f}"
        raise InvalidArgument(f"{what} must be {bounds} seconds")
    return float(value)
