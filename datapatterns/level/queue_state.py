"""What the one process that has a directory remembers of a work queue, so as not to search it.

LevelDB keeps a marker for each deleted key until it compacts, and finding the first key of a range
walks over all of them: 36 ms behind 100,000 consumed jobs. So the first place of each priority
where an item can be is kept here, and the leases, which are few, all of them. Both are read once
from the directory. Only works that hold the engine's write lock change this.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import islice

from datapatterns import tuples
from datapatterns.errors import DataCorrupted
from datapatterns.level.space import LegacySpace as Space
from datapatterns.level.transaction import Transaction

_HEAD = struct.Struct(">IIqqqqq")
NEVER = 2**62  # microseconds


@dataclass(frozen=True, slots=True)
class Job:
    """An item's state. `available` and `seq` are its place; `token` is 0 unless it is leased."""

    attempts: int
    most: int
    pushed: int
    rank: int  # the priority, negated: the highest sorts first
    available: int
    seq: int
    token: int
    data: bytes

    def pack(self) -> bytes:
        """The state and the item as they are stored."""
        state = (self.attempts, self.most, self.pushed, self.rank)
        return _HEAD.pack(*state, self.available, self.seq, self.token) + self.data

    @classmethod
    def unpack(cls, data: bytes) -> Job:
        """What `pack` made."""
        if len(data) < _HEAD.size:
            raise DataCorrupted("a queue holds something that is no job")
        attempts, most, pushed, rank, available, seq, token = _HEAD.unpack_from(data)
        return cls(attempts, most, pushed, rank, available, seq, token, data[_HEAD.size :])


class Places:
    """The keys of a queue: `ready!(rank, available, seq)`, `job!id`, `lease!id`, `dead!(when, id)`.

    A sentinel closes `ready`: who searches there never walks on into other ranges.
    """

    def __init__(self, space: Space, name: str) -> None:
        def part(of: str) -> bytes:
            return space.within("$queues", name, of).prefix

        self.ready, self.jobs, self.leases = part("ready"), part("job"), part("lease")
        self.dead, self.errors, self.once = part("dead"), part("error"), part("once")
        self.ready_end, self.lease_end = self.ready + tuples.AFTER, self.leases + tuples.AFTER
        self.dead_end = self.dead + tuples.AFTER
        facts = part("fact")
        self.stamp, self.paused, self.requeued = (
            facts + name for name in (b"stamp", b"paused", b"requeued")
        )

    def ready_key(self, job: Job) -> bytes:
        """Where the item waits."""
        return self.ready + tuples.pack((job.rank, job.available, job.seq))

    def rank_start(self, rank: int) -> bytes:
        """Before all items of that rank."""
        return self.ready + tuples.pack((rank,))

    def rank_end(self, rank: int) -> bytes:
        """Behind all items of that rank."""
        return self.rank_start(rank) + tuples.AFTER

    def place(self, key: bytes) -> tuple[int, int]:
        """The rank, and when the item is due, in a key of `ready`."""
        rank, available = tuples.unpack(key[len(self.ready) :])[:2]
        return rank, available

    def letter(self, when: int, id: str) -> bytes:
        """Where the dead item lies."""
        return self.dead + tuples.pack((when, id))

    def letter_of(self, key: bytes) -> tuple[int, str]:
        """When it died, and its id, in a key of `dead`."""
        when, id = tuples.unpack(key[len(self.dead) :])
        return when, id


class QueueState:
    """The memory of one queue, shared by all its objects in this process."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.heads: dict[int, bytes] = {}  # rank -> no item of it is below this key
        self.leases: dict[str, tuple[int, int]] = {}  # id -> when the lease ends, token
        self.soonest = NEVER  # no lease ends before
        self.stamp = 0
        self.closed = False  # whether the sentinel is there
        self.consumed = 0
        self.worn: set[int] = set()  # ranks with consumed items

    @classmethod
    def load(cls, places: Places, transaction: Transaction) -> QueueState:
        """Read it from the directory."""
        state = cls(places)
        state.stamp = int(transaction.get(places.stamp) or 0)
        start = places.ready
        while (row := next(transaction.items(start, places.ready_end), None)) is not None:
            rank, _ = places.place(row[0])
            state.heads[rank] = row[0]
            start = places.rank_end(rank)
        for key, ends in transaction.items(places.leases, places.lease_end):
            id = key[len(places.leases) :]
            data = transaction.get(places.jobs + id)
            if data is not None:
                state.hold(id.decode(), int(ends), Job.unpack(data).token)
        return state

    # --- order

    def due(self, at: int) -> int:
        """A moment not before any place that was given out, however the clock was set."""
        return max(at, self.stamp)

    def next_stamp(self, at: int) -> int:
        """A number behind all earlier ones: the place of what is pushed now."""
        self.stamp = max(at, self.stamp + 1)
        return self.stamp

    def added(self, rank: int, key: bytes) -> None:
        """Something waits at that key."""
        head = self.heads.get(rank)
        if head is None or key < head:
            self.heads[rank] = key

    def first(self, transaction: Transaction, due: int) -> tuple[bytes, str] | None:
        """The key and id of the item that is next, None if none is due."""
        for rank in sorted(self.heads):
            if self._available(rank) > due:
                continue
            rows = transaction.items(self.heads[rank], self.places.rank_end(rank))
            found = next(rows, None)
            if found is None:
                del self.heads[rank]
                continue
            self.heads[rank] = found[0]
            if self._available(rank) <= due:
                return found[0], found[1].decode()
        return None

    def taken(self, key: bytes) -> None:
        """The first item of its rank is not there any more."""
        rank, _ = self.places.place(key)
        self.heads[rank] = key + b"\x00"
        self.consumed += 1
        self.worn.add(rank)

    def _available(self, rank: int) -> int:
        return self.places.place(self.heads[rank])[1]

    # --- leases

    def hold(self, id: str, ends: int, token: int) -> None:
        """The item is leased until then."""
        self.leases[id] = (ends, token)
        self.soonest = min(self.soonest, ends)

    def holds(self, id: str, token: str, at: int) -> bool:
        """Whether the item is leased under that token."""
        ends, held = self.leases.get(id, (0, 0))
        return ends > at and str(held) == token

    def lapsed(self, at: int, most: int) -> list[str]:
        """The items whose leases have ended, at most so many."""
        if at < self.soonest:
            return []
        ended = list(islice((id for id, (ends, _) in self.leases.items() if ends <= at), most))
        if len(ended) < most:
            left = (ends for ends, _ in self.leases.values() if ends > at)
            self.soonest = min(left, default=NEVER)
        return ended

    def pause(self, at: int) -> int:
        """The microseconds until an item or a lease falls due, -1 if none does."""
        due = min([self._available(rank) for rank in self.heads] + [self.soonest])
        return -1 if due >= NEVER else max(0, due - at)
