# Generated from datapatterns/_async/work_queue.py by scripts/unasync.py; do not edit.
"""What a work queue is on every backend: checks, deliveries and waiting around its steps."""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

from datapatterns import signals
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
TICK = 1.0  # seconds that a waiting caller rests at most: it takes back from lost holders, too
_SHORTEST_REST = 0.01


class Bell(Protocol):
    """Rings when something may have become ready. A hint: it may ring for nothing, or be missed."""

    def wait(self, seconds: float) -> None:
        """Return when it rings or has rung since the last wait, or after so many seconds."""
        ...

    def ring(self) -> None:
        """Make the wait that is under way return, as far as that can be done."""
        ...


@dataclass(slots=True)
class Exchange(Generic[M]):
    """A turn with its items decoded; `spoiled` are those that could not be, buried by now."""

    outcomes: list[str]
    pause: float
    deliveries: list[Delivery[M]]
    spoiled: list[str]


class BaseQueue(ABC, Generic[M]):
    """Steps that a backend has to bring: `request`, `send`, `_enqueue` and `bell`."""

    name = ""  # in logs and signals; a backend gives its queues theirs

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
        # Takes whose outcome this client was not told: the next take asks for the same again.
        self._unfinished: deque[Request] = deque()

    @abstractmethod
    def request(self, verdicts: Sequence[Verdict] = (), take: int = 0) -> Request:
        """Return a request, which has its effect once however often it is sent."""

    @abstractmethod
    def send(self, request: Request) -> Turn:
        """Carry out the verdicts and take, in one step, and return what came of it."""

    @abstractmethod
    def bell(self) -> AbstractContextManager[Bell]:
        """Return what rings when something may be ready to be taken."""

    @abstractmethod
    def _enqueue(self, items: list[NewItem]) -> None:
        """Queue those of the items whose ids are not there yet, all in one step."""

    # --- what producers and consumers call

    def push(
        self, item: M, *, id: str | None = None, delay: Duration = 0.0, priority: int = 0
    ) -> str:
        """Queue the item and return its id; one that is queued, leased or dead already stays so.

        Raises InvalidData or InvalidArgument for what is no item.
        """
        key = new_id() if id is None else check_name("an id", id)
        span = microseconds("delay", delay)
        new = NewItem(key, self._items.encode(item), span, check_priority(priority))
        self._push([new])
        return key

    def push_many(self, items: Iterable[M]) -> list[str]:
        """Queue all of the items in their order, or none, and return their ids."""
        new = [NewItem(new_id(), self._items.encode(item), 0, 0) for item in items]
        if new:
            self._push(new)
        return [item.id for item in new]

    def _push(self, items: list[NewItem]) -> None:
        try:
            self._enqueue(items)
        except OutcomeUnknown as error:
            # So that the caller can push again under the same ids.
            error.data["ids"] = [item.id for item in items]
            raise

    def take(self, timeout: Duration = 0.0) -> Delivery[M] | None:
        """Return the next delivery, waiting up to `timeout` for one, or None.

        Raises DecodeFailed for an item that does not fit, which is then a dead letter.
        """
        timeout = check_timeout(timeout)
        deadline = time.monotonic() + timeout
        delivery, _ = self._take()
        if delivery is not None or not timeout:
            return delivery
        with self.bell() as bell:
            while True:
                delivery, pause = self._take()
                left = deadline - time.monotonic()
                if delivery is not None or left <= 0:
                    return delivery
                bell.wait(min(left, rest(pause)))

    def _take(self) -> tuple[Delivery[M] | None, float]:
        try:
            request = self._unfinished.popleft()
        except IndexError:
            request = self.request(take=1)
        try:
            exchange = self.exchange(request)
        except BaseException as error:
            # Cancelled, or the reply was lost: what it took is ours to fetch all the same.
            if not isinstance(error, DataError) or isinstance(error, OutcomeUnknown):
                self._unfinished.append(request)
            raise
        if exchange.spoiled:
            message = "a queued item does not fit the model; it is among the dead letters now"
            raise DecodeFailed(message, data={"id": exchange.spoiled[0]})
        return (exchange.deliveries[0] if exchange.deliveries else None), exchange.pause

    # --- what deliveries and workers call

    def exchange(self, request: Request) -> Exchange[M]:
        """Send the request and decode what was taken; log what came back from lost holders."""
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
        """What a log record says of an item beside its text."""
        return {"queue": self.name, "item_id": id, "attempt": attempt}

    def _bury_spoiled(self, taken: Taken, error: DecodeFailed) -> None:
        about = self.about(taken.id, taken.attempt)
        message = "%s does not fit the model and goes to the dead letters"
        logger.error(message, taken.id, extra=about)
        try:
            self.send(self.request([Verdict(taken.id, taken.token, "bury", 0, str(error))]))
        except DataError as failure:
            message = "%s: %s; it comes back when its lease ends"
            logger.warning(message, taken.id, failure, extra=about)


class Delivery(Generic[M]):
    """An item handed out under a lease: settle it once, or lose it when the lease lapses.

    As a context manager it acks on success and retries on an exception, unless the block has
    settled it; when the block is cancelled or the process ends, the item goes back uncounted.
    Repeating a call whose reply was lost has one effect, and reports it.
    """

    def __init__(self, queue: BaseQueue[M], taken: Taken, item: M, held_until: float) -> None:
        self._queue, self._token = queue, taken.token
        self.id, self.item, self.attempt = taken.id, item, taken.attempt
        self._pushed = taken.pushed
        self.held_until = held_until  # of the monotonic clock; the backend's own word counts
        self.settled: Verb | None = None
        self._lost = False
        self._pending: Request | None = None

    @property
    def pushed_at(self) -> datetime:
        """When the item was pushed (UTC)."""
        return moment(self._pushed)

    @property
    def token(self) -> str:
        """What fences the lease."""
        return self._token

    @property
    def lost(self) -> bool:
        """Whether the lease is known to be lost, or must be, since nothing renewed it in time."""
        return self._lost or (self.settled is None and time.monotonic() >= self.held_until)

    def ack(self) -> None:
        """Done: the item is gone; harmless when repeated, Conflict (`lease_lost`) if lost."""
        self.settle(self.verdict("ack"))

    def retry(self, delay: Duration | None = None, error: str | None = None) -> None:
        """Hand it out again after the delay (default: the backoff), or bury it if used up."""
        seconds = self._queue.backoff(self.attempt) if delay is None else delay
        self.settle(self.verdict("retry", microseconds("delay", seconds), error or ""))

    def bury(self, reason: str) -> None:
        """Give up: move it to the dead letters."""
        self.settle(self.verdict("bury", text=reason))

    def release(self) -> None:
        """Put it back where it was, as if it had not been handed out."""
        self.settle(self.verdict("release"))

    def extend(self, seconds: Duration) -> None:
        """Hold the lease for that long from now."""
        span = microseconds("seconds", seconds, positive=True)
        self._refuse_settled()
        until = time.monotonic() + span / 1_000_000
        exchange = self._queue.exchange(self._queue.request([self.verdict("extend", span)]))
        self._heed(exchange.outcomes[0])
        self.held_until = until

    def verdict(self, verb: Verb, span: int = 0, text: str = "") -> Verdict:
        """Return what to ask of the backend for this delivery."""
        return Verdict(self.id, self._token, verb, span, check_text("a reason", text))

    def settle(self, verdict: Verdict) -> None:
        """Send the verdict and remember its outcome; Conflict (`lease_lost`) if it had none."""
        if self.settled == verdict.verb == "ack":
            return
        self._refuse_settled()
        if self._pending is None:
            self._pending = self._queue.request([verdict])
        else:  # an earlier one may have arrived: whichever did is the one that counts
            self._pending = self._pending.instead([verdict])
        exchange = self._queue.exchange(self._pending)
        self._pending = None
        self._heed(exchange.outcomes[0])
        if self.settled not in (verdict.verb, "bury" if verdict.verb == "retry" else None):
            raise self._conflict()

    def learn(self, outcome: str) -> None:
        """Take over what the backend said became of this delivery."""
        if self.settled is None and not self._lost:
            signals.settled(self._queue.name, self.attempt, outcome)
        if outcome == LOST:
            self._lost = True
        elif outcome not in ("extend", "renew"):
            self.settled = outcome  # type: ignore[assignment] # pyright: ignore[reportAttributeAccessIssue] - one of the verbs

    def _heed(self, outcome: str) -> None:
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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.settled is not None:
            return
        if error is None:
            self.ack()
            return
        try:
            if isinstance(error, Exception):
                self.retry(error=describe(error))
            else:
                self.release()
        except DataError as failure:  # what went wrong in the block is what the caller must see
            about = self._queue.about(self.id, self.attempt)
            logger.warning("%s could not be given back: %s", self.id, failure, extra=about)


def rest(pause: float) -> float:
    """How long to wait at the bell when nothing falls due for so many seconds."""
    return min(max(pause, _SHORTEST_REST), TICK)
