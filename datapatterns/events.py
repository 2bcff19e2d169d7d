"""What an event is called, how it travels, and what is said when some may have been missed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from datapatterns.checks import check_name
from datapatterns.codecs import dumps, loads
from datapatterns.errors import InvalidArgument

ERROR, GAP = "error", "gap"  # an emitter's own events, which never travel
OWN = frozenset({ERROR, GAP})


@dataclass(frozen=True, slots=True)
class Gap:
    """Messages may have been missed: the payload of `gap`.

    `events` are the events and patterns concerned, as they were given to `on`; `seconds` is for how
    long at most. `cause` is `connection` (it was lost; whatever was emitted meanwhile is gone),
    `history` (a durable emitter's history was trimmed or lost before it was read) or `buffer` (a
    listener lagged too far; `lost` counts its messages, else it is None).
    """

    events: tuple[str, ...]
    seconds: float
    cause: Literal["connection", "history", "buffer"]
    lost: int | None = None


def check_event(event: object) -> str:
    """The name of an event to emit; InvalidArgument for a pattern or an emitter's own."""
    name = check_name("an event", event)
    if is_pattern(name):
        raise InvalidArgument("an event to emit must not hold *, which makes it a pattern")
    if name in OWN:
        raise InvalidArgument(f"{name!r} is an emitter's own event: it cannot be emitted")
    return name


def is_pattern(event: str) -> bool:
    """Whether it has a `*`, which stands for any characters, or none; nothing else is special."""
    return "*" in event


def matcher(pattern: str) -> Callable[[str], bool]:
    """Whether an event matches the pattern."""
    expression = re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)
    return lambda event: expression.fullmatch(event) is not None


def encode(payload: object) -> bytes:
    """The payload as JSON; InvalidArgument for what JSON cannot hold."""
    return dumps(payload)


def decode(data: bytes) -> Any:
    """The payload, made anew for each listener; DecodeFailed if somebody else sent it."""
    return loads(data)
