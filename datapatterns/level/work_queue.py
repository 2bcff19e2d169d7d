"""A work queue in LevelDB."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from itertools import islice
from typing import Generic, TypeVar

from datapatterns._async.concurrency import AsyncEvent
from datapatterns._async.work_queue import BACKOFF, LEASE, MAX_ATTEMPTS, AsyncBaseQueue
from datapatterns._sync.concurrency import Event
from datapatterns._sync.work_queue import BaseQueue
from datapatterns.checks import Duration, check_name, escape, microseconds
from datapatterns.errors import DataError
from datapatterns.level.driver import Database, DriverError, scan
from datapatterns.level.queue_state import Job, Places, QueueState
from datapatterns.level.queue_steps import Step
from datapatterns.level.space import HasSpace
from datapatterns.level.space import LegacySpace as Space
from datapatterns.level.steps.expiry import Expiring, now
from datapatterns.level.transaction import Transaction
from datapatterns.pages import check_limit
from datapatterns.queues import (
    DeadLetter,
    Items,
    NewItem,
    QueueStats,
    Request,
    Seats,
    Turn,
    Verdict,
    moment,
)

M = TypeVar("M")
T = TypeVar("T")

_COMPACT_AFTER = 50_000  # items consumed


class _Steps(Generic[M]):
    """What both faces are made of: works on a transaction or on the database."""

    _items: Items[M]
    lease: float
    max_attempts: int

    def _prepare(self, client: HasSpace, name: str) -> None:
        self.name = check_name("a queue's name", name)
        self._space: Space = client.space
        self._places = Places(self._space, escape(name))
        self._marks = Expiring(self._space.prefix, self._places.once)
        self._seats = Seats()

    def request(self, verdicts: Sequence[Verdict] = (), take: int = 0) -> Request:
        """Return a request, which has its effect once however often it is sent."""
        return self._seats.request(verdicts, take)

    def _step(self, work: Callable[[Step], T]) -> Callable[[Transaction], T]:
        """The work with the queue's memory, which is read anew after one that has failed."""
        shared, places = self._space.engine.shared, self._places

        def step(transaction: Transaction) -> T:
            state = shared.pop(places.ready, None) or QueueState.load(places, transaction)
            result = work(Step(places, transaction, state, now()))
            shared[places.ready] = state
            return result

        return step

    def _turn(self, request: Request) -> Callable[[Transaction], Turn]:
        lease = microseconds("lease", self.lease)
        return self._step(lambda step: step.turn(request, lease, self.max_attempts))

    def _pushing(self, items: list[NewItem]) -> Callable[[Transaction], None]:
        return self._step(lambda step: step.push(items))

    def _requeue(self, ids: list[str] | None) -> Callable[[Transaction], int]:
        return self._step(lambda step: step.requeue(ids))

    def _pause(self, paused: bool) -> Callable[[Transaction], None]:
        return self._step(lambda step: step.set_paused(paused))

    def _mark(self, key: str, ttl: Duration) -> Callable[[Transaction], bool]:
        """Leave a mark for so long, unless there is one."""
        name = check_name("a key", key).encode()
        span = microseconds("ttl", ttl, positive=True)

        def work(transaction: Transaction) -> bool:
            at = now()
            if self._marks.get(transaction, name, at) is not None:
                return False
            self._marks.put(transaction, name, b"", at, at + span)
            return True

        return work

    def _stats(self, database: Database) -> QueueStats:
        places = self._places
        state: QueueState | None = self._space.engine.shared.get(places.ready)
        due = max(now(), int(database.get(places.stamp, verify_checksums=True) or 0))
        ranges = [(places.ready, places.ready_end)]
        if state is not None:  # else the whole of it, consumed or not
            ranges = [(key, places.rank_end(rank)) for rank, key in list(state.heads.items())]
        dues = [places.place(key)[1] for part in ranges for key in _keys(database, *part)]
        delayed = sum(due < available for available in dues)
        leased = sum(1 for _ in _keys(database, places.leases, places.lease_end))
        dead = sum(1 for _ in _keys(database, places.dead, places.dead_end))
        requeued = int(database.get(places.requeued, verify_checksums=True) or 0)
        return QueueStats(len(dues) - delayed, delayed, leased, dead, requeued)

    def _letters(self, limit: int) -> Callable[[Database], list[DeadLetter]]:
        check_limit(limit)

        def work(database: Database) -> list[DeadLetter]:
            keys = islice(_keys(database, self._places.dead, self._places.dead_end), limit)
            letters = [self._letter(database, *self._places.letter_of(key)) for key in keys]
            return [letter for letter in letters if letter is not None]

        return work

    def _letter(self, database: Database, when: int, id: str) -> DeadLetter | None:
        data = database.get(self._places.jobs + id.encode(), verify_checksums=True)
        if data is None:  # purged or requeued since its key was read
            return None
        job = Job.unpack(data)
        text = database.get(self._places.errors + id.encode(), verify_checksums=True) or b""
        item, pushed, died = self._items.show(job.data), moment(job.pushed), moment(when)
        return DeadLetter(id, item, job.attempts, text.decode(), pushed, died)

    def _compact_if_worn(self) -> None:
        """Let LevelDB drop the markers of consumed items, now and then, on a thread."""
        state: QueueState | None = self._space.engine.shared.get(self._places.ready)
        if state is not None and state.consumed >= _COMPACT_AFTER:
            worn, state.worn, state.consumed = state.worn, set(), 0
            ranges = [(self._places.leases, self._places.lease_end)]
            for rank in worn:
                end = state.heads.get(rank) or self._places.rank_end(rank)
                ranges.append((self._places.rank_start(rank), end))
            thread = threading.Thread(
                target=self._compact, args=(ranges,), name="datapatterns-compact", daemon=True
            )
            thread.start()

    def _compact(self, ranges: list[tuple[bytes, bytes]]) -> None:
        with suppress(DataError, DriverError), self._space.gate:
            for start, stop in ranges:
                self._space.engine.database.compact_range(start=start, stop=stop)


class WorkQueue(_Steps[M], BaseQueue[M]):
    """Hands out every accepted item at least once until it is acked or buried, whoever dies.

    Each step is one atomic batch under the engine's write lock, synced unless it only renews:
    1. `push`: `job!id` gets the item, `ready!(priority, available, seq)` its id.
    2. `take`: leases that have lapsed are taken back first, up to 100, ready again at their old
       place or dead after their last attempt. Then the first due item of the highest priority: its
       `ready` key goes, `lease!id` comes, with the attempt and a token in the job.
    3. `ack`: lease and job go. `retry`, `bury`: back to `ready`, or to `dead!(when, id)`. Fenced:
       the token must be the job's, and the lease must not have lapsed.
    So an item is always in exactly one place. A worker's ack and its next take are one batch.

    The first place of each priority and all leases are kept in memory: finding the next item costs
    the same behind 100,000 consumed ones. After 50,000 their markers are compacted, on a thread.
    Who waits is woken by the commit that makes something ready. When the process dies, its leases
    are in the directory, and its items come back when it is opened again and they have lapsed.
    `stats` reads all keys. Priorities have 32 bits.

    `lease` (30 s), `max_attempts` (5) and `backoff` (`Backoff(0.5, 60)`) say how long an item is
    held without a renewal, how often it is handed out, and how long a retry waits: a number of
    seconds, or a function of the failed attempt.

    Source: leases as in Amazon SQS; the cursor as in queues on RocksDB.
    """

    def __init__(
        self,
        client: HasSpace,
        name: str,
        model: type[M] | None = None,
        *,
        lease: Duration = LEASE,
        max_attempts: int = MAX_ATTEMPTS,
        backoff: Callable[[int], float] | Duration = BACKOFF,
    ) -> None:
        super().__init__(model, lease, max_attempts, backoff)
        self._prepare(client, name)

    def send(self, request: Request) -> Turn:
        """Carry out the verdicts and take, in one batch, and return what came of it."""
        turn = self._space.write(self._turn(request), sync=_matters(request))
        self._seats.free(request)
        self._compact_if_worn()
        return turn

    def _enqueue(self, items: list[NewItem]) -> None:
        self._space.write(self._pushing(items), sync=True)

    @contextmanager
    def bell(self) -> Generator[Bell]:
        """Give what rings when something may be ready: at commits, and when the level closes."""
        woken = Event()
        with _watching(self._space, self._places.ready, woken.set):
            yield Bell(woken)

    def stats(self) -> QueueStats:
        """Return how many items are where; what has fallen due counts as ready."""
        return self._space.read(self._stats)

    def dead_letters(self, limit: int = 100) -> list[DeadLetter]:
        """Return the dead letters, the oldest first."""
        return self._space.read(self._letters(limit))

    def requeue_dead(self, ids: Iterable[str] | None = None) -> int:
        """Queue these dead letters (default: all) afresh and return how many there were."""
        return self._space.write(self._requeue(_checked(ids)), sync=True)

    def purge(self) -> int:
        """Remove every item that is not being worked on, and return how many there were."""
        return self._space.write(self._step(Step.purge), sync=True)

    def pause(self) -> None:
        """Hand out nothing, to nobody, until `resume`."""
        self._space.write(self._pause(True), sync=True)

    def resume(self) -> None:
        """Hand out again."""
        self._space.write(self._pause(False), sync=True)

    def once(self, key: str, ttl: Duration) -> bool:
        """Return True to the first caller with this key within `ttl` seconds, else False."""
        return self._space.write(self._mark(key, ttl), sync=True)


class AsyncWorkQueue(_Steps[M], AsyncBaseQueue[M]):
    """`WorkQueue` for asyncio: the same methods, awaited; cancelling one does not undo it."""

    def __init__(
        self,
        client: HasSpace,
        name: str,
        model: type[M] | None = None,
        *,
        lease: Duration = LEASE,
        max_attempts: int = MAX_ATTEMPTS,
        backoff: Callable[[int], float] | Duration = BACKOFF,
    ) -> None:
        super().__init__(model, lease, max_attempts, backoff)
        self._prepare(client, name)

    async def send(self, request: Request) -> Turn:
        """Carry out the verdicts and take, in one batch, and return what came of it."""
        turn = await self._space.write_in_lane(self._turn(request), sync=_matters(request))
        self._seats.free(request)
        self._compact_if_worn()
        return turn

    async def _enqueue(self, items: list[NewItem]) -> None:
        await self._space.write_in_lane(self._pushing(items), sync=True)

    @asynccontextmanager
    async def bell(self) -> AsyncGenerator[AsyncBell]:
        """Give what rings when something may be ready: at commits, and when the level closes."""
        woken = AsyncEvent()
        with _watching(self._space, self._places.ready, woken.set):
            yield AsyncBell(woken)

    async def stats(self) -> QueueStats:
        """Return how many items are where; what has fallen due counts as ready."""
        return await self._space.read_in_lane(self._stats)

    async def dead_letters(self, limit: int = 100) -> list[DeadLetter]:
        """Return the dead letters, the oldest first."""
        return await self._space.read_in_lane(self._letters(limit))

    async def requeue_dead(self, ids: Iterable[str] | None = None) -> int:
        """Queue these dead letters (default: all) afresh and return how many there were."""
        return await self._space.write_in_lane(self._requeue(_checked(ids)), sync=True)

    async def purge(self) -> int:
        """Remove every item that is not being worked on, and return how many there were."""
        return await self._space.write_in_lane(self._step(Step.purge), sync=True)

    async def pause(self) -> None:
        """Hand out nothing, to nobody, until `resume`."""
        await self._space.write_in_lane(self._pause(True), sync=True)

    async def resume(self) -> None:
        """Hand out again."""
        await self._space.write_in_lane(self._pause(False), sync=True)

    async def once(self, key: str, ttl: Duration) -> bool:
        """Return True to the first caller with this key within `ttl` seconds, else False."""
        return await self._space.write_in_lane(self._mark(key, ttl), sync=True)


class Bell:
    """Rung by commits: what was rung before the wait counts."""

    def __init__(self, woken: Event) -> None:
        self._woken = woken

    def wait(self, seconds: float) -> None:
        """Return when it rings or has rung since the last wait, or after so many seconds."""
        self._woken.wait(seconds)
        self._woken.clear()

    def ring(self) -> None:
        """Make the wait that is under way return."""
        self._woken.set()


class AsyncBell:
    """The same for asyncio."""

    def __init__(self, woken: AsyncEvent) -> None:
        self._woken = woken

    async def wait(self, seconds: float) -> None:
        """Return when it rings or has rung since the last wait, or after so many seconds."""
        await self._woken.wait(seconds)
        self._woken.clear()

    async def ring(self) -> None:
        """Make the wait that is under way return."""
        self._woken.set()


@contextmanager
def _watching(space: Space, prefix: bytes, wake: Callable[[], None]) -> Generator[None]:
    """Wake at each commit under the prefix, and when the level closes."""
    unwatch = space.engine.watch(prefix, lambda _: wake())
    space.gate.at_shut.append(wake)
    try:
        yield
    finally:
        unwatch()
        with suppress(ValueError):  # closed meanwhile
            space.gate.at_shut.remove(wake)


def _matters(request: Request) -> bool:
    """Whether the step is to survive a loss of power: all but heartbeats."""
    return request.take > 0 or any(verdict.verb != "renew" for verdict in request.verdicts)


def _checked(ids: Iterable[str] | None) -> list[str] | None:
    return None if ids is None else [check_name("an id", id) for id in ids]


def _keys(database: Database, start: bytes, stop: bytes) -> Iterator[bytes]:
    """The keys of a range, less the sentinel."""
    return (key for key, _ in scan(database, start, stop, fill_cache=False))
