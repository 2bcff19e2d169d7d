"""What the process that holds a directory remembers of a work queue, so as not to search for it.

LevelDB keeps a marker for each deleted key until it compacts, and finding the first key of a range
walks over all of them: 36 ms behind 100,000 consumed items. So the first key of each rank where an
item can wait is kept here, and all leases, which are few. Both are read once from the directory.
Only steps that hold the engine's write lock change this.
"""

from __future__ import annotations

from itertools import islice

from datapatterns.level.engine.readers import Reader
from datapatterns.level.steps.queue_keys import QueueKeys, StoredItem

NEVER = 2**62  # microseconds
_COMPACT_AFTER = 50_000  # items consumed


class QueueMemory:
    """The memory of one queue, shared by all its objects in this process."""

    def __init__(self, keys: QueueKeys) -> None:
        self._keys = keys
        self.heads: dict[int, bytes] = {}  # rank -> the key below which none of its items waits
        self.leases: dict[str, tuple[int, int]] = {}  # id -> when the lease ends, and its token
        self.soonest = NEVER  # when the first lease ends, or earlier
        self.stamp = 0
        self.closed = False  # whether the sentinel is stored
        self._consumed = 0
        self._worn: set[int] = set()  # the ranks of consumed items

    @classmethod
    def load(cls, keys: QueueKeys, reader: Reader) -> QueueMemory:
        """Read the memory of the queue from the directory."""
        memory = cls(keys)
        memory.stamp = int(reader.get(keys.stamp) or 0)
        start = keys.ready
        while (key := next(reader.keys(start, keys.ready_end), None)) is not None:
            rank, _ = keys.rank_and_due(key)
            memory.heads[rank] = key
            start = keys.rank_end(rank)
        for key, ends in reader.items(keys.leases, keys.lease_end):
            id = key[len(keys.leases) :].decode()
            data = reader.get(keys.item(id))
            if data is not None:
                memory.hold(id, int(ends), StoredItem.unpack(data).token)
        return memory

    # --- order

    def due(self, at: int) -> int:
        """Return the moment, or the last stamp if the clock was set back behind it."""
        return max(at, self.stamp)

    def next_stamp(self, at: int) -> int:
        """Return a number above all earlier ones, which orders what is pushed now."""
        self.stamp = max(at, self.stamp + 1)
        return self.stamp

    def added(self, rank: int, key: bytes) -> None:
        """Note that an item waits under that key."""
        head = self.heads.get(rank)
        if head is None or key < head:
            self.heads[rank] = key

    def first(self, reader: Reader, due: int) -> tuple[bytes, str] | None:
        """Return the key and id of the next item, or None if none is due."""
        for rank in sorted(self.heads):
            if self._available(rank) > due:
                continue
            rows = reader.items(self.heads[rank], self._keys.rank_end(rank))
            found = next(rows, None)
            if found is None:
                del self.heads[rank]
                continue
            self.heads[rank] = found[0]
            if self._available(rank) <= due:
                return found[0], found[1].decode()
        return None

    def taken(self, key: bytes) -> None:
        """Note that the first item of a rank, which waited under that key, has been taken."""
        rank, _ = self._keys.rank_and_due(key)
        self.heads[rank] = key + b"\x00"
        self._consumed += 1
        self._worn.add(rank)

    def _available(self, rank: int) -> int:
        return self._keys.rank_and_due(self.heads[rank])[1]

    def waiting(self) -> list[tuple[bytes, bytes]]:
        """Return the ranges in which items wait, less what is known to be consumed."""
        return [(key, self._keys.rank_end(rank)) for rank, key in list(self.heads.items())]

    def worn(self) -> list[tuple[bytes, bytes]]:
        """Return the ranges to compact, if many items were consumed since the last call."""
        if self._consumed < _COMPACT_AFTER:
            return []
        ranks, self._worn, self._consumed = self._worn, set(), 0
        ranges = [(self._keys.leases, self._keys.lease_end)]
        for rank in ranks:
            end = self.heads.get(rank) or self._keys.rank_end(rank)
            ranges.append((self._keys.rank_start(rank), end))
        return ranges

    # --- leases

    def hold(self, id: str, ends: int, token: int) -> None:
        """Note that the item is leased until then."""
        self.leases[id] = (ends, token)
        self.soonest = min(self.soonest, ends)

    def holds(self, id: str, token: str, at: int) -> bool:
        """Return whether the item is leased under that token."""
        ends, held = self.leases.get(id, (0, 0))
        return ends > at and str(held) == token

    def lapsed(self, at: int, most: int) -> list[str]:
        """Return the ids of items whose leases have ended, at most so many."""
        if at < self.soonest:
            return []
        ended = list(islice((id for id, (ends, _) in self.leases.items() if ends <= at), most))
        if len(ended) < most:
            left = (ends for ends, _ in self.leases.values() if ends > at)
            self.soonest = min(left, default=NEVER)
        return ended

    def pause(self, at: int) -> int:
        """Return the microseconds until an item or a lease falls due, -1 if none does."""
        due = min([self._available(rank) for rank in self.heads] + [self.soonest])
        return -1 if due >= NEVER else max(0, due - at)
