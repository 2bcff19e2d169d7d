"""The names of the channels on which an emitter publishes its events."""

from __future__ import annotations

import re
from functools import lru_cache

from datapatterns.core.emitter import is_pattern, matcher
from datapatterns.redis.keys import Keys

# The characters with a meaning in a pattern of Redis, besides the star.
_SPECIAL = re.compile(rb"[?\[\]^\\-]")

matcher_of = lru_cache(maxsize=1024)(matcher)


class Channels:
    """A channel for each event, and on a cluster one more, on which every event is published.

    The channel of an event is `{namespace:emitter:name}:event:<event>`, with the event's name
    unescaped: the hash tag before it keeps the channels of two emitters apart.
    """

    def __init__(self, keys: Keys) -> None:
        self.prefix = keys("event") + b":"
        self.everything = keys("all")

    def to_hear(self, event: str, *, sharded: bool) -> tuple[str, bytes]:
        """Return what to subscribe to: the command's first letter, and the channel or pattern."""
        if not is_pattern(event):
            return ("S" if sharded else ""), self.prefix + event.encode()
        return ("S", self.everything) if sharded else ("P", self._pattern(event))

    def _pattern(self, event: str) -> bytes:
        """Return the server's pattern, in which only the stars of the event are special."""
        parts = re.split(r"\*+", event)
        escaped = [_escape(part.encode()) for part in parts]
        return _escape(self.prefix).replace(b"*", b"\\*") + b"*".join(escaped)

    def event_of(self, channel: bytes) -> str:
        """Return the event whose channel this is."""
        return channel[len(self.prefix) :].decode(errors="replace")

    @staticmethod
    def pack(event: str, data: bytes) -> bytes:
        """Return event and payload as one message; the payload, JSON, never holds the NUL."""
        return event.encode() + b"\0" + data

    @staticmethod
    def unpack(message: bytes) -> tuple[str, bytes]:
        """Return the event and the payload of a message made by `pack`."""
        event, _, data = message.rpartition(b"\0")
        return event.decode(errors="replace"), data

    @staticmethod
    def matches(pattern: str, event: str) -> bool:
        """Return whether the event matches the pattern."""
        return matcher_of(pattern)(event)


def _escape(text: bytes) -> bytes:
    return _SPECIAL.sub(lambda found: b"\\" + found[0], text)
