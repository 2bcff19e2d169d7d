# Generated from datapatterns/_async/work_queue.py by scripts/unasync.py; do not edit.
"""What work queues of every backend share: checks, deliveries, and waiting for items."""

from __future__ import annotations

import logging
import time
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar, cast

from typing_extensions import override

from datapatterns import signals
from datapatterns._sync import contracts
from datapatterns.backoff import Backoff
from datapatterns.checks import INT32_MAX, Duration, check_count, check_name, microseconds
from datapatterns.documents import new_id
from datapatterns.errors import Conflict, DataError, DecodeFailed, OutcomeUnknown
from datapatterns.queues import (
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

M = TypeVar("M")

logger = logging.getLogger("datapatterns.work_queue")

LEASE, MAX_ATTEMPTS = 30.0, 5
BACKOFF = Backoff(base=0.5, cap=60.0)
TICK = 1.0  # seconds that a caller waits at most: each look takes items back from lost holders
_SHORTEST_REST = 0.01


class WakeUp(Protocol):
    """Waits until an item may have become ready.

    A wake-up is a hint: it may come although nothing is ready, and it may be missed.
    """

    def wait(self, seconds: float) -> None:
        """Return at a wake-up, also at one since the last wait, or after so many seconds."""
        ...

    def wake(self) -> None:
        """Make the wait that is under way return, if that can be done."""
        ...


@dataclass(slots=True)
class Exchange(Generic[M]):
    """A turn with its items decoded.

    `spoiled` has the ids of items that do not fit the model, which are dead letters by now.
    """

    outcomes: list[str]
    pause: float
    deliveries: list[Delivery[M]]
    spoiled: list[str]


class BaseQueue(contracts.WorkQueue[M]):
    """The part of a work queue that does not depend on the backend.

    A backend brings `request` and `send`, which settle and take in one step, `_enqueue`,
    `wake_up`, and the methods of the contract from `stats` on.
    """

    name = ""  # in logs and signals; a backend sets it

    def __init__(
        self,
        model: type[M] | None,
        lease: Duration,
        max_attempts: int,
        backoff: Callable[[int], float] | Duration,
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
    def send(self, request: Request) -> Turn:
        """Carry out the verdicts and take items, in one atomic step, and return the outcome."""

    @abstractmethod
    def wake_up(self) -> AbstractContextManager[WakeUp]:
        """Open what waits for items to become ready."""

    @abstractmethod
    def _enqueue(self, items: list[NewItem]) -> None:
        """Queue the items whose ids are not in the queue yet, in one atomic step."""

    # --- what producers and consumers call

    @override
    def push(
        self,
        item: M | Mapping[str, Any],
        *,
        id: str | None = None,
        delay: Duration = 0.0,
        priority: int = 0,
    ) -> str:
        key = new_id() if id is None else check_name("an id", id)
        span = microseconds("delay", delay)
        new = NewItem(key, self._items.encode(item), span, check_priority(priority))
        self._push([new])
        return key

    @override
    def push_many(self, items: Iterable[M | Mapping[str, Any]]) -> list[str]:
        new = [NewItem(new_id(), self._items.encode(item), 0, 0) for item in items]
        if new:
            self._push(new)
        return [item.id for item in new]

    def _push(self, items: list[NewItem]) -> None:
        try:
            self._enqueue(items)
        except OutcomeUnknown as error:
            # The caller can push again under the same ids.
            error.data["ids"] = [item.id for item in items]
            raise

    @override
    def take(self, timeout: Duration = 0.0) -> Delivery[M] | None:
        timeout = check_timeout(timeout)
        deadline = time.monotonic() + timeout
        delivery, _ = self._take()
        if delivery is not None or not timeout:
            return delivery
        with self.wake_up() as wake_up:
            while True:
                delivery, pause = self._take()
                left = deadline - time.monotonic()
                if delivery is not None or left <= 0:
                    return delivery
                wake_up.wait(min(left, rest(pause)))

    def _take(self) -> tuple[Delivery[M] | None, float]:
        try:
            request = self._unfinished.popleft()
        except IndexError:
            request = self.request(take=1)
        try:
            exchange = self.exchange(request)
        except BaseException as error:
            # The request may have taken an item: only a repetition of it returns that.
            if not isinstance(error, DataError) or isinstance(error, OutcomeUnknown):
                self._unfinished.append(request)
            raise
        if exchange.spoiled:
            message = "a queued item does not fit the model; it is among the dead letters now"
            raise DecodeFailed(message, data={"id": exchange.spoiled[0]})
        return (exchange.deliveries[0] if exchange.deliveries else None), exchange.pause

    # --- what deliveries and workers call

    def exchange(self, request: Request) -> Exchange[M]:
        """Send the request and decode the items taken; log items taken back from lost holders."""
        held_until = time.monotonic() + self.lease
        turn = self.send(request)
        for back in turn.taken_back:
            where = "it is a dead letter now" if back.dead else "it is ready again"
            logger.warning(
                "the lease of %s was lost at attempt %d; %s",
                back.id,
                back.attempt,
                where,
                extra={**self.about(back.id, back.attempt), "dead": back.dead},
            )
        exchange: Exchange[M] = Exchange(turn.outcomes, turn.pause, [], [])
        for taken in turn.taken:
            try:
                item = self._items.decode(taken.data)
            except DecodeFailed as error:
                self._bury_spoiled(taken, error)
                exchange.spoiled.append(taken.id)
            else:
                exchange.deliveries.append(Delivery(self, taken, item, held_until))
                signals.delivered(self.name, taken.attempt, taken.pushed)
        return exchange

    def about(self, id: str, attempt: int) -> dict[str, object]:
        """Return the fields of a log record about the item."""
        return {"queue": self.name, "item_id": id, "attempt": attempt}

    def _bury_spoiled(self, taken: Taken, error: DecodeFailed) -> None:
        """Move an item that does not fit the model to the dead letters."""
        about = self.about(taken.id, taken.attempt)
        message = "%s does not fit the model and goes to the dead letters"
        logger.error(message, taken.id, extra=about)
        try:
            self.send(self.request([Verdict(taken.id, taken.token, "bury", 0, str(error))]))
        except DataError as failure:
            message = "%s: %s; it comes back when its lease ends"
            logger.warning(message, taken.id, failure, extra=about)


class Delivery(contracts.Delivery[M]):
    """An item handed out under a lease: settle it once, or lose it when the lease lapses.

    As a context manager it acks on success and retries on an exception, unless the block has
    settled it; when the block is cancelled or the process ends, the item goes back uncounted.
    Repeating a call whose reply was lost has one effect, and reports it.
    """

    def __init__(self, queue: BaseQueue[M], taken: Taken, item: M, held_until: float) -> None:
        self._queue, self._taken, self._item = queue, taken, item
        self.held_until = held_until  # of the monotonic clock, by which only `lost` judges
        self._settled: Verb | None = None
        self._lost = False
        self._pending: Request | None = None  # a verdict whose outcome is not known

    @property
    @override
    def id(self) -> str:
        return self._taken.id

    @property
    @override
    def item(self) -> M:
        return self._item

    @property
    @override
    def attempt(self) -> int:
        return self._taken.attempt

    @property
    @override
    def pushed_at(self) -> datetime:
        return moment(self._taken.pushed)

    @property
    def token(self) -> str:
        """The token that tells this lease from earlier and later ones of the item."""
        return self._taken.token

    @property
    @override
    def lost(self) -> bool:
        return self._lost or (self._settled is None and time.monotonic() >= self.held_until)

    @property
    @override
    def settled(self) -> Verb | None:
        return self._settled

    @override
    def ack(self) -> None:
        self.settle(self.verdict("ack"))

    @override
    def retry(self, delay: Duration | None = None, error: str | None = None) -> None:
        seconds = self._queue.backoff(self.attempt) if delay is None else delay
        self.settle(self.verdict("retry", microseconds("delay", seconds), error or ""))

    @override
    def bury(self, reason: str) -> None:
        self.settle(self.verdict("bury", text=reason))

    @override
    def release(self) -> None:
        self.settle(self.verdict("release"))

    @override
    def extend(self, seconds: Duration) -> None:
        span = microseconds("seconds", seconds, positive=True)
        self._refuse_settled()
        until = time.monotonic() + span / 1_000_000
        exchange = self._queue.exchange(self._queue.request([self.verdict("extend", span)]))
        self._heed(exchange.outcomes[0])
        self.held_until = until

    def verdict(self, verb: Verb, span: int = 0, text: str = "") -> Verdict:
        """Return what to ask of the backend for this delivery."""
        return Verdict(self.id, self.token, verb, span, check_text("a reason", text))

    def settle(self, verdict: Verdict) -> None:
        """Send the verdict and keep its outcome; raise Conflict (`lease_lost`) if it had none."""
        if self._settled == verdict.verb == "ack":
            return
        self._refuse_settled()
        if self._pending is None:
            self._pending = self._queue.request([verdict])
        else:  # the reply to an earlier one was lost: the first that arrived is the one that counts
            self._pending = self._pending.instead([verdict])
        exchange = self._queue.exchange(self._pending)
        self._pending = None
        self._heed(exchange.outcomes[0])
        if self._settled not in (verdict.verb, "bury" if verdict.verb == "retry" else None):
            raise self._conflict()

    def learn(self, outcome: str) -> None:
        """Keep the outcome that the backend reported for this delivery."""
        if self._settled is None and not self._lost:
            signals.settled(self._queue.name, self.attempt, outcome)
        if outcome == LOST:
            self._lost = True
        elif outcome not in ("extend", "renew"):
            self._settled = cast("Verb", outcome)

    def _heed(self, outcome: str) -> None:
        self.learn(outcome)
        if outcome == LOST:
            raise self._conflict()

    def _refuse_settled(self) -> None:
        if self._lost or self._settled is not None:
            raise self._conflict()

    def _conflict(self) -> Conflict:
        if self._settled is not None:
            return Conflict("this delivery was settled before", reason="lease_lost")
        return Conflict("the lease of this delivery was lost", reason="lease_lost")

    @override
    def __enter__(self) -> Self:
        return self

    @override
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._settled is not None:
            return
        if error is None:
            self.ack()
            return
        try:
            if isinstance(error, Exception):
                self.retry(error=describe(error))
            else:
                self.release()
        except DataError as failure:  # logged only: the caller must see the error of the block
            about = self._queue.about(self.id, self.attempt)
            logger.warning("%s could not be given back: %s", self.id, failure, extra=about)


def rest(pause: float) -> float:
    """Return for how long to wait when the next item falls due in so many seconds."""
    return min(max(pause, _SHORTEST_REST), TICK)
