"""What is forgotten after a time: a value under a key, and a list of when which key ends.

The key holds tuple(when, value), and `!$ttl!` + tuple(when, key) lists the ends in order. Whoever
writes removes a few that have ended: no job is needed, and nothing outlives its time by more than
the next writes. A `when` of 0 means never, and is not listed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import islice

from datapatterns import tuples
from datapatterns.errors import DataCorrupted, DecodeFailed
from datapatterns.level.space import Space
from datapatterns.level.transaction import Transaction

NEVER = 0

_SWEEP = 20  # ended keys that one write removes


def now() -> int:
    """The time in microseconds since 1970."""
    return time.time_ns() // 1_000


class Expiring:
    """Keys below a prefix, each with a value and an end in microseconds."""

    def __init__(self, space: Space, prefix: bytes) -> None:
        self.prefix = prefix
        self._ends = space.within("$ttl").prefix

    def get(self, read: Callable[[bytes], bytes | None], key: bytes, at: int) -> bytes | None:
        """Return the value, None if there is none or its time has passed."""
        end, value = _unpack(read(self.prefix + key))
        return value if end == NEVER or end > at else None

    def put(
        self, transaction: Transaction, key: bytes, value: bytes, at: int, end: int = NEVER
    ) -> None:
        """Keep the value until `end`, and remove a few keys whose time has passed."""
        self._sweep(transaction, at)
        key = self.prefix + key
        before, _ = _unpack(transaction.get(key))
        if before not in (NEVER, end):
            transaction.store(self._ends + tuples.pack((before, key)), None)
        transaction.store(key, tuples.pack((end, value)))
        if end not in (NEVER, before):
            transaction.store(self._ends + tuples.pack((end, key)), b"")

    def _sweep(self, transaction: Transaction, at: int) -> None:
        """Remove a few keys, of any pattern, whose time has passed."""
        last = self._ends + tuples.pack((at + 1,))
        for listed, _ in list(islice(transaction.items(self._ends, last), _SWEEP)):
            end, key = tuples.unpack(listed[len(self._ends) :])
            if _unpack(transaction.get(key))[0] == end:
                transaction.store(key, None)
            transaction.store(listed, None)


def _unpack(data: bytes | None) -> tuple[int, bytes | None]:
    if data is None:
        return NEVER, None
    try:
        end, value = tuples.unpack(data)
    except (ValueError, DecodeFailed) as error:
        raise DataCorrupted("a key that expires holds something else") from error
    return end, value
