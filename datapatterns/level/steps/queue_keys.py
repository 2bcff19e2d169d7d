"""How a work queue lies in LevelDB: its keys, and an item with its state.

Below `!$queues!!<name>!`: `ready!(rank, available, seq)` holds an id, `job!id` the item with its
state, `lease!id` when the lease ends, `dead!(when, id)` nothing, `error!id` the last error,
`once!key` and `dedup!id` marks that expire, and `fact!` the queue's stamp, its pause and its
counts.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from datapatterns.core import tuples
from datapatterns.core.checks import escape
from datapatterns.errors import DataCorrupted
from datapatterns.level.engine.keys import own_prefix

_HEAD = struct.Struct(">IIqqqqq")


@dataclass(frozen=True, slots=True)
class StoredItem:
    """An item's state and its JSON.

    The rank is the negated priority, so that the highest sorts first. `available` and `seq` place
    the item within its rank. `token` is 0 unless the item is leased.
    """

    attempts: int
    most: int
    pushed: int
    rank: int
    available: int
    seq: int
    token: int
    data: bytes

    def pack(self) -> bytes:
        """Return the state and the item as they are stored."""
        state = (self.attempts, self.most, self.pushed, self.rank)
        return _HEAD.pack(*state, self.available, self.seq, self.token) + self.data

    @classmethod
    def unpack(cls, data: bytes) -> StoredItem:
        """Return what `pack` packed; raise DataCorrupted for anything else."""
        if len(data) < _HEAD.size:
            raise DataCorrupted("a queue holds something that is no job")
        attempts, most, pushed, rank, available, seq, token = _HEAD.unpack_from(data)
        return cls(attempts, most, pushed, rank, available, seq, token, data[_HEAD.size :])


class QueueKeys:
    """The keys of one queue.

    A sentinel closes `ready`, so that a search there never walks on into other ranges.
    """

    def __init__(self, namespace: bytes, name: str) -> None:
        def part(of: str) -> bytes:
            return namespace + own_prefix("$queues", escape(name), of)

        self.ready, self.items, self.leases = part("ready"), part("job"), part("lease")
        self.dead, self.errors, self.once = part("dead"), part("error"), part("once")
        self.dedup = part("dedup")
        self.ready_end, self.lease_end = self.ready + tuples.AFTER, self.leases + tuples.AFTER
        self.dead_end = self.dead + tuples.AFTER
        facts = part("fact")
        self.stamp, self.paused, self.requeued = (
            facts + name for name in (b"stamp", b"paused", b"requeued")
        )

    def item(self, id: str) -> bytes:
        """Return the key of the item and its state."""
        return self.items + id.encode()

    def lease(self, id: str) -> bytes:
        """Return the key of the item's lease."""
        return self.leases + id.encode()

    def error(self, id: str) -> bytes:
        """Return the key of the item's last error."""
        return self.errors + id.encode()

    def waiting(self, item: StoredItem) -> bytes:
        """Return the key under which the item waits until it is taken."""
        return self.ready + tuples.pack((item.rank, item.available, item.seq))

    def rank_start(self, rank: int) -> bytes:
        """Return the key before all waiting items of that rank."""
        return self.ready + tuples.pack((rank,))

    def rank_end(self, rank: int) -> bytes:
        """Return the key after all waiting items of that rank."""
        return self.rank_start(rank) + tuples.AFTER

    def rank_and_due(self, key: bytes) -> tuple[int, int]:
        """Return the rank, and when the item is due, from a key of `ready`."""
        rank, available = tuples.unpack(key[len(self.ready) :])[:2]
        return rank, available

    def letter(self, when: int, id: str) -> bytes:
        """Return the key of a dead letter."""
        return self.dead + tuples.pack((when, id))

    def letter_of(self, key: bytes) -> tuple[int, str]:
        """Return when the item died, and its id, from a key of `dead`."""
        when, id = tuples.unpack(key[len(self.dead) :])
        return when, id
