"""What work queues of every backend share: checks, deliveries, and waiting for items."""

from __future__ import annotations

import logging
import time
from abc import abstractmethod
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar, cast

from typing_extensions import override

from datapatterns import contracts
from datapatterns.core import signals
from datapatterns.core.backoff import Backoff
from datapatterns.core.checks import INT32_MAX, Duration, check_count, check_name, microseconds
from datapatterns.core.documents import new_id
from datapatterns.core.options import Retry
from datapatterns.core.work_queue import (
    LOST,
    Items,
    NewItem,
    Request,
    Taken,
    Turn,
    Verb,
    Verdict,
    check_backoff,
    check_priority,
    check_text,
    check_timeout,
    describe,
    moment,
)
from datapatterns.errors import (
    Conflict,
    DataError,
    DecodeFailed,
    InvalidArgument,
    OutcomeUnknown,
)

M = TypeVar("M")

logger = logging.getLogger("datapatterns.work_queue")

LEASE, MAX_ATTEMPTS = 30.0, 5
BACKOFF = Backoff(base=0.5, cap=60.0)
TICK = 1.0  # seconds that a caller waits at most: each look takes items back from lost holders
_SHORTEST_REST = 0.01


class AsyncWakeUp(Protocol):
    """Waits until an item may have become ready.

    A wake-up is a hint: it may come although nothing is ready, and it may be missed.
    """

    async def wait(self, seconds: float) -> None:
        """Return at a wake-up, also at one since the last wait, or after so many seconds."""
        ...

    async def wake(self) -> None:
        """Make the wait that is under way return, if that can be done."""
        ...


@dataclass(slots=True)
class AsyncExchange(Generic[M]):
    """A turn with its items decoded.

    `spoiled` has the ids of items that do not fit the model, which are dead letters by now.
    """

    outcomes: list[str]
    pause: float
    holds: list[AsyncHold[M]]
    spoiled: list[str]


class AsyncBaseQueue(contracts.AsyncWorkQueue[M]):
    """The part of a work queue that does not depend on the backend.

    A backend brings `request` and `send`, which settle and take in one step, `_enqueue`,
    `wake_up`, and the methods of the contract from `cancel` on.
    """

    name = ""  # in logs and signals; a backend sets it

    def __init__(
        self,
        model: type[M] | None,
        lease: Duration,
        max_attempts: int,
        backoff: Retry,
    ) -> None:
        self._items = Items(model)
        self.lease = microseconds("lease", lease, positive=True) / 1_000_000
        self.max_attempts = check_count("max_attempts", max_attempts, most=INT32_MAX)
        self.backoff = check_backoff(backoff)
        # Takes whose reply was lost: the next take sends the same request again.
        self._unfinished: deque[Request] = deque()

    @abstractmethod
    def request(self, verdicts: Sequence[Verdict] = (), take: int = 0) -> Request:
        """Return a request that has its effect once, however often it is sent."""

    @abstractmethod
    async def send(self, request: Request) -> Turn:
        """Carry out the verdicts and take items, in one atomic step, and return the outcome."""

    @abstractmethod
    def wake_up(self) -> AbstractAsyncContextManager[AsyncWakeUp]:
        """Open what waits for items to become ready."""

    @abstractmethod
    async def _enqueue(self, items: list[NewItem]) -> None:
        """Queue the items whose ids are neither in the queue nor remembered, in one atomic step.

        Remember the ids that have a `dedup` and are not remembered yet.
        """

    # --- what producers and consumers call

    @override
    async def push(
        self,
        item: M | Mapping[str, Any],
        *,
        id: str | None = None,
        delay: Duration = 0.0,
        priority: int = 0,
        dedup: Duration = 0.0,
    ) -> str:
        key = new_id() if id is None else check_name("an id", id)
        span, remember = microseconds("delay", delay), microseconds("dedup", dedup)
        if remember and id is None:
            raise InvalidArgument("dedup needs an id: a fresh one is never pushed again")
        new = NewItem(
            key,
            self._items.encode(item),
            span,
            check_priority(priority),
            None if id is None else remember,
        )
        await self._push([new])
        return key

    @override
    async def push_many(self, items: Iterable[M | Mapping[str, Any]]) -> list[str]:
        new = [NewItem(new_id(), self._items.encode(item), 0, 0) for item in items]
        if new:
            await self._push(new)
        return [item.id for item in new]

    async def _push(self, items: list[NewItem]) -> None:
        try:
            await self._enqueue(items)
        except OutcomeUnknown as error:
            # The caller can push again under the same ids.
            error.data["ids"] = [item.id for item in items]
            raise

    @override
    async def take(self, timeout: Duration = 0.0) -> AsyncDelivery[M] | None:
        timeout = check_timeout(timeout)
        deadline = time.monotonic() + timeout
        delivery, _ = await self._take()
        if delivery is not None or not timeout:
            return delivery
        async with self.wake_up() as wake_up:
            while True:
                delivery, pause = await self._take()
                left = deadline - time.monotonic()
                if delivery is not None or left <= 0:
                    return delivery
                await wake_up.wait(min(left, rest(pause)))

    async def _take(self) -> tuple[AsyncDelivery[M] | None, float]:
        try:
            request = self._unfinished.popleft()
        except IndexError:
            request = self.request(take=1)
        try:
            exchange = await self.exchange(request)
        except BaseException as error:
            # The request may have taken an item: only a repetition of it returns that.
            if not isinstance(error, DataError) or isinstance(error, OutcomeUnknown):
                self._unfinished.append(request)
            raise
        if exchange.spoiled:
            message = "a queued item does not fit the model; it is among the dead letters now"
            raise DecodeFailed(message, data={"id": exchange.spoiled[0]})
        delivery = AsyncDelivery(exchange.holds[0]) if exchange.holds else None
        return delivery, exchange.pause

    # --- what deliveries and workers call

    async def exchange(self, request: Request) -> AsyncExchange[M]:
        """Send the request and decode the items taken; log items taken back from lost holders."""
        held_until = time.monotonic() + self.lease
        turn = await self.send(request)
        for back in turn.taken_back:
            where = "it is a dead letter now" if back.dead else "it is ready again"
            logger.warning(
                "the lease of %s was lost at attempt %d; %s",
                back.id,
                back.attempt,
                where,
                extra={**self.about(back.id, back.attempt), "dead": back.dead},
            )
        exchange: AsyncExchange[M] = AsyncExchange(turn.outcomes, turn.pause, [], [])
        for taken in turn.taken:
            try:
                item = self._items.decode(taken.data)
            except DecodeFailed as error:
                await self._bury_spoiled(taken, error)
                exchange.spoiled.append(taken.id)
            else:
                exchange.holds.append(AsyncHold(self, taken, item, held_until))
                signals.delivered(self.name, taken.attempt, taken.pushed)
        return exchange

    def about(self, id: str, attempt: int) -> dict[str, object]:
        """Return the fields of a log record about the item."""
        return {"queue": self.name, "item_id": id, "attempt": attempt}

    async def _bury_spoiled(self, taken: Taken, error: DecodeFailed) -> None:
        """Move an item that does not fit the model to the dead letters."""
        about = self.about(taken.id, taken.attempt)
        message = "%s does not fit the model and goes to the dead letters"
        logger.error(message, taken.id, extra=about)
        try:
            await self.send(self.request([Verdict(taken.id, taken.token, "bury", 0, str(error))]))
        except DataError as failure:
            message = "%s: %s; it comes back when its lease ends"
            logger.warning(message, taken.id, failure, extra=about)


class AsyncHold(Generic[M]):
    """An item that this process holds: its lease, and how it was settled.

    A delivery settles it by itself; a worker sends the verdicts of several in one request, and
    tells each hold its outcome.
    """

    def __init__(self, queue: AsyncBaseQueue[M], taken: Taken, item: M, held_until: float) -> None:
        self.queue, self.taken, self.item = queue, taken, item
        self.held_until = held_until  # of the monotonic clock, by which only `lost` judges
        self.settled: Verb | None = None
        self._lost = False
        self._pending: Request | None = None  # a verdict whose outcome is not known

    @property
    def key(self) -> tuple[str, str]:
        """Return what tells this hold from all others, on the same item too."""
        return self.taken.id, self.taken.token

    @property
    def lost(self) -> bool:
        """Return whether the lease was lost, as the backend said or since its time is over."""
        return self._lost or (self.settled is None and time.monotonic() >= self.held_until)

    def about(self) -> dict[str, object]:
        """Return the fields of a log record about the item."""
        return self.queue.about(self.taken.id, self.taken.attempt)

    def verdict(self, verb: Verb, span: int = 0, text: str = "") -> Verdict:
        """Return the verdict to send to the backend; the span is in microseconds."""
        return Verdict(*self.key, verb, span, check_text("a reason", text))

    async def settle(self, verdict: Verdict) -> None:
        """Send the verdict and keep its outcome; raise Conflict (`lease_lost`) if it had none."""
        if self.settled == verdict.verb == "ack":
            return
        self._refuse_settled()
        if self._pending is None:
            self._pending = self.queue.request([verdict])
        else:  # the reply to an earlier one was lost: the first that arrived is the one that counts
            self._pending = self._pending.instead([verdict])
        exchange = await self.queue.exchange(self._pending)
        self._pending = None
        self._learn_or_raise(exchange.outcomes[0])
        if self.settled not in (verdict.verb, "bury" if verdict.verb == "retry" else None):
            raise self._conflict()

    async def extend(self, span: int) -> None:
        """Let the lease end so many microseconds from now; raise Conflict if it is lost."""
        self._refuse_settled()
        until = time.monotonic() + span / 1_000_000
        exchange = await self.queue.exchange(self.queue.request([self.verdict("extend", span)]))
        self._learn_or_raise(exchange.outcomes[0])
        self.held_until = until

    def learn(self, outcome: str) -> None:
        """Keep the outcome that the backend reported for a verdict."""
        if self.settled is None and not self._lost:
            signals.settled(self.queue.name, self.taken.attempt, outcome)
        if outcome == LOST:
            self._lost = True
        elif outcome not in ("extend", "renew"):
            self.settled = cast("Verb", outcome)

    def _learn_or_raise(self, outcome: str) -> None:
        self.learn(outcome)
        if outcome == LOST:
            raise self._conflict()

    def _refuse_settled(self) -> None:
        if self._lost or self.settled is not None:
            raise self._conflict()

    def _conflict(self) -> Conflict:
        if self.settled is not None:
            return Conflict("this delivery was settled before", reason="lease_lost")
        return Conflict("the lease of this delivery was lost", reason="lease_lost")


class AsyncDelivery(contracts.AsyncDelivery[M]):
    """An item of a queue, given to one holder for the time of a lease.

    Settle it once, by `ack`, `retry`, `bury` or `release`, or lose it when the lease ends. As a
    context manager it acks at the end of the block and retries if the block raises an exception,
    unless the block has settled it; when the block is cancelled or the process ends, the item goes
    back and the attempt does not count. Repeating a call whose reply was lost has one effect and
    reports that one.
    """

    def __init__(self, hold: AsyncHold[M]) -> None:
        self._hold = hold

    @property
    @override
    def id(self) -> str:
        return self._hold.taken.id

    @property
    @override
    def item(self) -> M:
        return self._hold.item

    @property
    @override
    def attempt(self) -> int:
        return self._hold.taken.attempt

    @property
    @override
    def pushed_at(self) -> datetime:
        return moment(self._hold.taken.pushed)

    @property
    @override
    def lost(self) -> bool:
        return self._hold.lost

    @property
    @override
    def settled(self) -> Verb | None:
        return self._hold.settled

    @override
    async def ack(self) -> None:
        await self._hold.settle(self._hold.verdict("ack"))

    @override
    async def retry(self, delay: Duration | None = None, error: str | None = None) -> None:
        seconds = self._hold.queue.backoff(self.attempt) if delay is None else delay
        span = microseconds("delay", seconds)
        await self._hold.settle(self._hold.verdict("retry", span, error or ""))

    @override
    async def bury(self, reason: str) -> None:
        await self._hold.settle(self._hold.verdict("bury", text=reason))

    @override
    async def release(self) -> None:
        await self._hold.settle(self._hold.verdict("release"))

    @override
    async def extend(self, seconds: Duration) -> None:
        await self._hold.extend(microseconds("seconds", seconds, positive=True))

    @override
    async def __aenter__(self) -> Self:
        return self

    @override
    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.settled is not None:
            return
        if error is None:
            await self.ack()
            return
        try:
            if isinstance(error, Exception):
                await self.retry(error=describe(error))
            else:
                await self.release()
        except DataError as failure:  # logged only: the caller must see the error of the block
            message = "%s could not be given back: %s"
            logger.warning(message, self.id, failure, extra=self._hold.about())


def rest(pause: float) -> float:
    """Return for how long to wait when the next item falls due in so many seconds."""
    return min(max(pause, _SHORTEST_REST), TICK)
