"""What is forgotten after a time: a value under a key, and a list of when which key ends.

`!$ttl!` + tuple(when, key) lists the ends in order; the key itself holds (when, value), so that an
old entry of the list removes nothing that has been renewed. Whoever writes removes a few that have
ended: no job is needed, and nothing outlives its time by more than the next write.
"""

from __future__ import annotations

import time
from itertools import islice

from datapatterns import tuples
from datapatterns.level.space import Space
from datapatterns.level.transaction import Transaction

_SWEEP = 20  # ended keys that one write removes


def now() -> int:
    """The time in microseconds since 1970."""
    return time.time_ns() // 1_000


class Expiring:
    """Keys below a prefix, each with an end."""

    def __init__(self, space: Space, prefix: bytes) -> None:
        self._prefix = prefix
        self._ends = space.within("$ttl").prefix

    def get(self, transaction: Transaction, key: bytes, at: int) -> bytes | None:
        """Return the value, None if there is none or its time has passed."""
        data = transaction.get(self._prefix + key)
        if data is None:
            return None
        end, value = tuples.unpack(data)
        return None if end <= at else value

    def put(self, transaction: Transaction, key: bytes, value: bytes, at: int, end: int) -> None:
        """Keep the value until `end`, and remove a few whose time has passed."""
        self.sweep(transaction, at)
        transaction.store(self._prefix + key, tuples.pack((end, value)))
        transaction.store(self._ends + tuples.pack((end, self._prefix + key)), b"")

    def sweep(self, transaction: Transaction, at: int) -> None:
        """Remove a few keys, of any pattern, whose time has passed."""
        last = self._ends + tuples.pack((at + 1,))
        for listed, _ in list(islice(transaction.items(self._ends, last), _SWEEP)):
            end, key = tuples.unpack(listed[len(self._ends) :])
            data = transaction.get(key)
            if data is not None and tuples.unpack(data)[0] == end:
                transaction.store(key, None)
            transaction.store(listed, None)
