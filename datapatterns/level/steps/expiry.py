"""Values that expire: each under its key, and a list that orders the keys by when they end.

The key holds tuple(end, value), and `!$ttl!` + tuple(end, key) lists the ends in order. Each write
removes a few keys whose time has passed, so no job is needed, and nothing outlives its time by more
than the next few writes. An `end` of 0 means never, and is not listed.
"""

from __future__ import annotations

import time
from itertools import islice

from datapatterns.core import tuples
from datapatterns.errors import DataCorrupted, DecodeFailed
from datapatterns.level.engine.keys import own_prefix
from datapatterns.level.engine.readers import Reader, Writer

NEVER = 0

_SWEEP = 20  # expired keys that one write removes


def now() -> int:
    """Return the time in microseconds since 1970."""
    return time.time_ns() // 1_000


class Expiring:
    """Keys below a prefix of a namespace, each with a value and an end in microseconds."""

    def __init__(self, namespace: bytes, prefix: bytes) -> None:
        self.prefix = prefix
        self._ends = namespace + own_prefix("$ttl")

    def get(self, reader: Reader, key: bytes, at: int) -> bytes | None:
        """Return the value, or None if it is absent or its time has passed."""
        end, value = _unpack(reader.get(self.prefix + key))
        return value if end == NEVER or end > at else None

    def put(self, writer: Writer, key: bytes, value: bytes, at: int, end: int = NEVER) -> None:
        """Keep the value until `end`, and remove a few keys whose time has passed."""
        self._sweep(writer, at)
        key = self.prefix + key
        before, _ = _unpack(writer.get(key))
        if before not in (NEVER, end):
            writer.store(self._ends + tuples.pack((before, key)), None)
        writer.store(key, tuples.pack((end, value)))
        if end not in (NEVER, before):
            writer.store(self._ends + tuples.pack((end, key)), b"")

    def _sweep(self, writer: Writer, at: int) -> None:
        """Remove a few keys, of any pattern, whose time has passed."""
        last = self._ends + tuples.pack((at + 1,))
        for listed, _ in list(islice(writer.items(self._ends, last), _SWEEP)):
            end, key = tuples.unpack(listed[len(self._ends) :])
            if _unpack(writer.get(key))[0] == end:
                writer.store(key, None)
            writer.store(listed, None)


def _unpack(data: bytes | None) -> tuple[int, bytes | None]:
    if data is None:
        return NEVER, None
    try:
        end, value = tuples.unpack(data)
    except (ValueError, DecodeFailed) as error:
        raise DataCorrupted("a key that expires holds something else") from error
    return end, value
