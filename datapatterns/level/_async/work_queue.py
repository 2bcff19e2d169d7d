"""A work queue in LevelDB."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

from typing_extensions import override

from datapatterns import contracts
from datapatterns.core.checks import Duration, check_name, microseconds
from datapatterns.core.options import Retry
from datapatterns.core.pages import check_limit
from datapatterns.core.work_queue import (
    DeadLetter,
    ItemState,
    NewItem,
    QueueStats,
    Request,
    Seats,
    Turn,
    Verdict,
    moment,
)
from datapatterns.level._async.level import AsyncLevel
from datapatterns.level.engine.space import AsyncSpace
from datapatterns.level.steps.work_queue import Letter, WorkQueueSteps
from datapatterns.patterns._async.concurrency import AsyncEvent
from datapatterns.patterns._async.work_queue import BACKOFF, LEASE, MAX_ATTEMPTS, AsyncBaseQueue

M = TypeVar("M")


class AsyncWorkQueue(AsyncBaseQueue[M], contracts.AsyncWorkQueue[M]):
    """Hands out every accepted item at least once until it is acked or buried, whoever dies.

    Each step is one atomic batch under the engine's write lock, synced unless it only renews:
    1. `push`: `job!id` gets the item, `ready!(priority, available, seq)` its id.
    2. `take`: leases that have lapsed are taken back first, up to 100, ready again at their old
       place or dead after their last attempt. Then the first due item of the highest priority: its
       `ready` key goes, `lease!id` comes, with the attempt and a token in the item's state.
    3. `ack`: lease and item go. `retry`, `bury`: back to `ready`, or to `dead!(when, id)`. Fenced:
       the token must be the item's, and the lease must not have lapsed.
    So an item is always in exactly one place. A worker's ack and its next take are one batch.
    `cancel` removes the item from any of them. A push with `dedup` leaves `dedup!id` in its batch,
    a mark that expires; each push that leaves one removes a few that have expired.

    The first key of each priority and all leases are kept in memory: finding the next item costs
    the same behind 100,000 consumed ones. After 50,000 their markers are compacted, on a thread.
    A commit that makes something ready wakes whoever waits. When the process dies, its leases are
    in the directory, and its items come back when it is opened again and they have lapsed. `stats`
    reads all keys. Priorities have 32 bits.

    `lease` (30 s), `max_attempts` (5) and `backoff` (`Backoff(0.5, 60)`) say how long an item is
    held without a renewal, how often it is handed out, and how long a retry waits: a number of
    seconds, or a function of the failed attempt. Cancelling a call does not undo it.

    Source: leases as in Amazon SQS; the cursor as in queues on RocksDB.
    """

    def __init__(
        self,
        client: AsyncLevel,
        name: str,
        model: type[M] | None = None,
        *,
        lease: Duration = LEASE,
        max_attempts: int = MAX_ATTEMPTS,
        backoff: Retry = BACKOFF,
    ) -> None:
        super().__init__(model, lease, max_attempts, backoff)
        self.name = check_name("a queue's name", name)
        self._space = AsyncSpace.of(client)
        self._steps = WorkQueueSteps(self._space.prefix, name, self._space.engine.shared)
        self._seats = Seats()

    # --- the steps

    @override
    def request(self, verdicts: Sequence[Verdict] = (), take: int = 0) -> Request:
        return self._seats.request(verdicts, take)

    @override
    async def send(self, request: Request) -> Turn:
        """Carry out the verdicts and take, in one batch, and return what came of it."""
        lease = microseconds("lease", self.lease)
        turn = await self._space.write(
            self._steps.turn, request, lease, self.max_attempts, sync=_must_last(request)
        )
        self._seats.free(request)
        if (memory := self._steps.memory) is not None:
            self._space.compact_in_background(memory.worn())
        return turn

    @override
    async def _enqueue(self, items: list[NewItem]) -> None:
        await self._space.write(self._steps.push, items, sync=True)

    @override
    @asynccontextmanager
    async def wake_up(self) -> AsyncGenerator[AsyncWakeUp]:
        """Give what is woken by commits that make something ready, and when the level closes."""
        woken = AsyncEvent()
        engine, gate = self._space.engine, self._space.gate
        unwatch = engine.watch(self._steps.keys.ready, lambda _: woken.set())
        gate.at_shut.append(woken.set)
        try:
            yield AsyncWakeUp(woken)
        finally:
            unwatch()
            with suppress(ValueError):  # closed meanwhile
                gate.at_shut.remove(woken.set)

    # --- the rest of the queue

    @override
    async def cancel(self, id: str) -> bool:
        return await self._space.write(self._steps.cancel, check_name("an id", id), sync=True)

    @override
    async def find(self, id: str) -> ItemState | None:
        return await self._space.scan(self._steps.find, check_name("an id", id))

    @override
    async def stats(self) -> QueueStats:
        """Return how many items are where; what has fallen due counts as ready."""
        return await self._space.scan(self._steps.stats, self._steps.waiting(), cached=False)

    @override
    async def dead_letters(self, limit: int = 100) -> list[DeadLetter]:
        letters = await self._space.scan(self._steps.letters, check_limit(limit), cached=False)
        return [self._dead_letter(letter) for letter in letters]

    def _dead_letter(self, letter: Letter) -> DeadLetter:
        id, died, stored, error = letter
        item, pushed = self._items.show(stored.data), moment(stored.pushed)
        return DeadLetter(id, item, stored.attempts, error, pushed, moment(died))

    @override
    async def requeue_dead(self, ids: Iterable[str] | None = None) -> int:
        chosen = None if ids is None else [check_name("an id", id) for id in ids]
        return await self._space.write(self._steps.requeue, chosen, sync=True)

    @override
    async def purge(self) -> int:
        return await self._space.write(self._steps.purge, sync=True)

    @override
    async def pause(self) -> None:
        await self._space.write(self._steps.set_paused, True, sync=True)

    @override
    async def resume(self) -> None:
        await self._space.write(self._steps.set_paused, False, sync=True)

    @override
    async def once(self, key: str, ttl: Duration) -> bool:
        check_name("a key", key)
        span = microseconds("ttl", ttl, positive=True)
        return await self._space.write(self._steps.once, key, span, sync=True)


class AsyncWakeUp:
    """Woken by commits; a commit before the wait counts as well."""

    def __init__(self, woken: AsyncEvent) -> None:
        self._woken = woken

    async def wait(self, seconds: float) -> None:
        """Return when woken, or if that has happened since the last wait, or after so long."""
        await self._woken.wait(seconds)
        self._woken.clear()

    async def wake(self) -> None:
        """Make the wait that is under way return."""
        self._woken.set()


def _must_last(request: Request) -> bool:
    """Return whether the step must survive a loss of power, as all do but renewals."""
    return request.take > 0 or any(verdict.verb != "renew" for verdict in request.verdicts)
