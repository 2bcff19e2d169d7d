"""The names of events, the encoding of their payloads, and the payload of `gap`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from datapatterns.core.checks import check_name
from datapatterns.core.codecs import loads
from datapatterns.core.json_values import write_value
from datapatterns.errors import InvalidArgument

ERROR, GAP = "error", "gap"  # an emitter's own events, which stay in its process
OWN = frozenset({ERROR, GAP})


@dataclass(frozen=True, slots=True)
class Gap:
    """The payload of `gap`: listeners may have missed messages.

    `events` are the events and patterns concerned, as they were given to `on`; `seconds` is the
    longest time that the gap can have lasted. `cause` is `connection` (the connection was lost, and
    messages emitted meanwhile with it), `history` (entries of a durable emitter were trimmed or
    lost before they were read) or `buffer` (a listener was too slow; `lost` is the number of its
    dropped messages, and otherwise None).
    """

    events: tuple[str, ...]
    seconds: float
    cause: Literal["connection", "history", "buffer"]
    lost: int | None = None


def check_event(event: object) -> str:
    """Return the event unchanged; raise InvalidArgument for a pattern or an emitter's own event."""
    name = check_name("an event", event)
    if is_pattern(name):
        raise InvalidArgument("an event to emit must not contain *, which makes it a pattern")
    if name in OWN:
        raise InvalidArgument(f"{name!r} is an emitter's own event and cannot be emitted")
    return name


def is_pattern(event: str) -> bool:
    """Return whether it has a `*`, which matches any number of any characters."""
    return "*" in event


def matcher(pattern: str) -> Callable[[str], bool]:
    """Return a function that says whether an event matches the pattern."""
    expression = re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)
    return lambda event: expression.fullmatch(event) is not None


def encode(payload: object) -> bytes:
    """Return the payload as JSON; raise InvalidData or InvalidArgument if it cannot be that."""
    return write_value(payload)


def decode(data: bytes) -> Any:
    """Return the payload; raise DecodeFailed if it is not JSON, so sent by another program."""
    return loads(data)
