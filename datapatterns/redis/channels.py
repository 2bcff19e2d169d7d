"""The names under which an emitter's events travel."""

from __future__ import annotations

import re
from functools import lru_cache

from datapatterns.events import is_pattern, matcher
from datapatterns.redis.keys import Keys

# What Redis gives a meaning to in a pattern, besides the star.
_SPECIAL = re.compile(rb"[?\[\]^\\-]")

matcher_of = lru_cache(maxsize=1024)(matcher)


class Channels:
    """`{namespace:emitter:name}:event:<event>` for an event, one more for all events of a shard.

    The event's name ends the channel as it is: nothing in it can reach another emitter's channels,
    whose hash tags differ.
    """

    def __init__(self, keys: Keys) -> None:
        self.prefix = keys("event") + b":"
        self.everything = keys("all")

    def to_hear(self, event: str, *, sharded: bool) -> tuple[str, bytes]:
        """The kind of subscription, as its command's first letter, and the channel or pattern."""
        if not is_pattern(event):
            return ("S" if sharded else ""), self.prefix + event.encode()
        return ("S", self.everything) if sharded else ("P", self._pattern(event))

    def _pattern(self, event: str) -> bytes:
        """The server's pattern; in it only the stars of the event are special."""
        parts = re.split(r"\*+", event)
        escaped = [_escape(part.encode()) for part in parts]
        return _escape(self.prefix).replace(b"*", b"\\*") + b"*".join(escaped)

    def event_of(self, channel: bytes) -> str:
        """The event that the channel is for."""
        return channel[len(self.prefix) :].decode(errors="replace")

    @staticmethod
    def sealed(event: str, data: bytes) -> bytes:
        """What travels on the channel of all events: JSON never has a NUL in it."""
        return event.encode() + b"\0" + data

    @staticmethod
    def opened(sealed: bytes) -> tuple[str, bytes]:
        """The event and the payload."""
        event, _, data = sealed.rpartition(b"\0")
        return event.decode(errors="replace"), data

    @staticmethod
    def matches(pattern: str, event: str) -> bool:
        """Whether the event matches the pattern."""
        return matcher_of(pattern)(event)


def _escape(text: bytes) -> bytes:
    return _SPECIAL.sub(lambda found: b"\\" + found[0], text)
