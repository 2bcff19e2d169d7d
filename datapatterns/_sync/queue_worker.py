# Generated from datapatterns/_async/queue_worker.py by scripts/unasync.py; do not edit.
"""A worker on a queue of any backend: it knows the queue by its steps only."""

from __future__ import annotations

import functools
import inspect
import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Generic, TypeVar

from typing_extensions import override

from datapatterns._sync import contracts
from datapatterns._sync.concurrency import (
    Event,
    Every,
    Handler,
    Lanes,
    Lock,
    stop_on_signals,
)
from datapatterns._sync.work_queue import (
    BaseQueue,
    Delivery,
    Exchange,
    WakeUp,
    rest,
)
from datapatterns.backoff import Backoff
from datapatterns.checks import Duration, microseconds, seconds
from datapatterns.errors import DataError, InvalidArgument, OutcomeUnknown
from datapatterns.queues import LOST, Request, Verdict, WorkSummary, describe

M = TypeVar("M")

logger = logging.getLogger("datapatterns.work_queue")

_AGAIN = Backoff(base=0.1, cap=5.0)  # between tries to reach the backend
_BEATS = 4  # renewals in the time of one lease: three may fail


class Worker(contracts.Worker, Generic[M]):
    """Takes from a queue and calls a handler, `parallel` at a time, until it is stopped.

    1. Each of `parallel` lanes makes turns: one step of the queue settles its last job and takes
       the next. While a step is on its way, the lanes that finish meanwhile share the next one. So
       a busy worker needs one step a job, or less.
    2. The handler is called with the item, and the delivery if it has a second parameter (its type
       is in `datapatterns.contracts`). What it returns means ack; what it raises means retry after
       the queue's backoff, with the error, up to `max_attempts`. It may settle the delivery itself.
    3. Beside the handlers a heartbeat renews all leases, four times in the time of one. So a slow
       handler runs once, and a dead worker's items come back. A delivery whose lease lapsed all the
       same (the process was stopped, the backend away) is `lost`: the handler can see that, and
       its outcome changes nothing, since another worker has the item, or will have it.
    4. With nothing to do one lane waits for the queue's wake-up, the others behind it. It looks
       again at least every second, which takes back the items of dead workers.
    5. A step whose outcome is not known is sent again until it is: an ack is counted only then.
       While the backend is away, the worker goes on trying. Any error that cannot pass by itself is
       raised by `run`, after draining.
    6. `stop`, SIGINT or SIGTERM: take nothing more, finish what is under way within `drain_timeout`
       seconds, give back the rest uncounted, return. The second time: give back at once. In the
       async face async handlers are cancelled then; one in a thread goes on in vain.

    In the async face sync handlers run in threads; an async one must not block the loop for longer
    than a lease, since the heartbeat is on the loop too. With `signals=False` it leaves the signals
    to the application. A stop before `run` ends that run. Cancelling `run` gives everything back.
    """

    def __init__(
        self,
        queue: contracts.WorkQueue[M],
        handler: Callable[[M], object] | Callable[[M, contracts.Delivery[M]], object],
        *,
        parallel: int = 1,
        drain_timeout: Duration = 30.0,
        signals: bool = True,
    ) -> None:
        if not isinstance(queue, BaseQueue):
            raise InvalidArgument("a worker needs a queue of this library, and of the same face")
        Handler(handler)  # refuses what it could not call
        if not isinstance(parallel, int) or isinstance(parallel, bool) or parallel < 1:  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
            raise InvalidArgument("parallel must be a whole number, at least 1")
        self.queue: BaseQueue[M] = queue
        self.handler = handler
        self.parallel = parallel
        self.drain_timeout = seconds("drain_timeout", drain_timeout)
        self.signals = signals
        self.wants_delivery = _has_second_parameter(handler)
        self._busy = threading.Lock()
        self._run = _Run(self)  # the one under way, or the next

    @override
    def run(self) -> WorkSummary:
        if not self._busy.acquire(blocking=False):
            raise InvalidArgument("this worker is already running")
        try:
            with self._signals():
                return self._run.work()
        finally:
            self._run = _Run(self)
            self._busy.release()

    def _signals(self) -> AbstractContextManager[None]:
        return stop_on_signals(self.stop) if self.signals else nullcontext()

    @override
    def stop(self) -> None:
        self._run.stop()


class _Ask(Generic[M]):
    """What one lane wants of the next step, and then what it got."""

    def __init__(self, verdict: Verdict | None, take: bool) -> None:
        self.verdict, self.take = verdict, take
        self.done = False
        self.error: BaseException | None = None
        self.delivery: Delivery[M] | None = None
        self.pause = 0.0


class _Run(Generic[M]):
    """One run of a worker: what outlives it, such as an abandoned handler, touches no other run."""

    def __init__(self, worker: Worker[M]) -> None:
        self.worker = worker
        self.queue = worker.queue
        self._about: dict[str, object] = {"queue": self.queue.name}  # in every record of the log
        self._stopping = Event()
        self._abandoned = Event()
        self._failure: BaseException | None = None
        self._asks: deque[_Ask[M]] = deque()
        self._turning = Lock()  # held while a step is on its way
        self._waiting = Lock()  # held by the lane that waits for items
        self._wake_up: WakeUp | None = None
        self._open: Request | None = None  # the step whose outcome is not known yet
        self._guard = threading.Lock()  # of the two below; never held while waiting
        self._active: dict[tuple[str, str], Delivery[M]] = {}
        self._counts: Counter[str] = Counter()
        self._lanes = Lanes(worker.parallel, on_error=self._fail)
        self._obeying = Every(1.0, self._obey)

    def stop(self) -> None:
        """The first time stop, the second time abandon; signal handlers come here too."""
        (self._abandoned if self._stopping.is_set() else self._stopping).set()
        self._obeying.now()

    def work(self) -> WorkSummary:
        """Start the lanes, wait for the stop, drain, give back the rest."""
        beat = Every(self.queue.lease / _BEATS, self._renew)
        try:
            with (
                Handler(self.worker.handler) as handler,
                self.queue.wake_up() as wake_up,
            ):
                self._wake_up = wake_up
                with self._lanes, self._obeying, beat:
                    lane = functools.partial(self._lane, handler, wake_up)
                    for number in range(self.worker.parallel):
                        self._lanes.submit(str(number), lane)
                    self._stopping.wait()
                    self._lanes.drain(self.worker.drain_timeout)
        finally:
            self._stopping.set()
            self._abandoned.set()
            self._give_back()
        if self._failure is not None:
            raise self._failure
        return self._summary()

    def _summary(self) -> WorkSummary:
        counts = self._counts
        return WorkSummary(
            counts["ack"], counts["retry"], counts["bury"], counts["release"], counts[LOST]
        )

    # --- a lane

    def _lane(self, handler: Handler, wake_up: WakeUp) -> None:
        """Turn after turn: settle what was done, take the next, handle it."""
        verdict: Verdict | None = None
        while not self._abandoned.is_set():
            taking = not self._stopping.is_set()
            if verdict is None and not taking:
                return
            ask = self._ask(verdict, taking)
            verdict, delivery = None, ask.delivery
            if delivery is None and taking:
                delivery = self._wait(wake_up, ask.pause)
            if delivery is not None:
                verdict = self._handle(handler, delivery)

    def _wait(self, wake_up: WakeUp, pause: float) -> Delivery[M] | None:
        """Wait for something to do, one lane at a time; None when stopped."""
        with self._waiting:
            while not self._stopping.is_set():
                wake_up.wait(rest(pause))
                if self._stopping.is_set():
                    break
                ask = self._ask(None, True)
                if ask.delivery is not None:
                    return ask.delivery
                pause = ask.pause
        return None

    def _handle(self, handler: Handler, delivery: Delivery[M]) -> Verdict | None:
        """Call the handler and return the verdict, None if there is nothing left to settle."""
        wanted = (delivery.item, delivery) if self.worker.wants_delivery else (delivery.item,)
        try:
            handler(*wanted)
        except Exception as error:
            about = self.queue.about(delivery.id, delivery.attempt)
            message = "%s: attempt %d failed"
            logger.warning(message, delivery.id, delivery.attempt, exc_info=True, extra=about)
            # Asked now, since it may be an application's function that fails.
            span = microseconds("backoff", self.queue.backoff(delivery.attempt))
            verdict = delivery.verdict("retry", span, describe(error))
        else:
            verdict = delivery.verdict("ack")
        if delivery.settled is None:
            return verdict
        self._count(verdict, delivery.settled)
        return None

    # --- steps

    def _ask(self, verdict: Verdict | None, take: bool) -> _Ask[M]:
        """Have the next step serve this lane; whoever may send it serves all who wait."""
        ask: _Ask[M] = _Ask(verdict, take)
        self._asks.append(ask)
        with self._turning:
            if not ask.done:
                self._serve([self._asks.popleft() for _ in range(len(self._asks))])
        if ask.error is not None:
            raise ask.error
        return ask

    def _serve(self, asks: list[_Ask[M]]) -> None:
        verdicts = [ask.verdict for ask in asks if ask.verdict is not None]
        takers = [ask for ask in asks if ask.take]
        try:
            exchange = self._insist(self.queue.request(verdicts, len(takers)))
        except BaseException as error:
            for ask in asks:
                ask.error, ask.done = error, True
            raise
        if exchange is not None:
            for ask in takers:
                ask.pause = exchange.pause
            for ask, delivery in zip(takers, exchange.deliveries, strict=False):
                ask.delivery = delivery
        for ask in asks:
            ask.done = True

    def _insist(self, request: Request) -> Exchange[M] | None:
        """Send until the outcome is known, and note it; None when stopped over it."""
        self._open = request
        failures = 0
        while True:
            try:
                exchange = self.queue.exchange(request)
                break
            except DataError as error:
                if not (error.retryable or isinstance(error, OutcomeUnknown)):
                    self._open = None
                    raise
                failures += 1
                about = {**self._about, "failures": failures, "code": error.code}
                logger.warning("the queue did not answer (%s), trying again", error, extra=about)
            idle = not request.verdicts and self._stopping.is_set()
            if idle or self._abandoned.wait(_AGAIN(failures)):
                return None
        self._open = None
        self._note(request, exchange)
        if self._abandoned.is_set():
            self._give_back()
        return exchange

    def _note(self, request: Request, exchange: Exchange[M]) -> None:
        """Hold what was taken, and count what was settled."""
        with self._guard:
            for delivery in exchange.deliveries:
                self._active[delivery.id, delivery.token] = delivery
            self._counts["bury"] += len(exchange.spoiled)
        for verdict, outcome in zip(request.verdicts, exchange.outcomes, strict=True):
            self._count(verdict, outcome)

    def _count(self, verdict: Verdict, outcome: str) -> None:
        with self._guard:
            delivery = self._active.pop((verdict.id, verdict.token), None)
            if delivery is not None:
                self._counts[outcome] += 1
        if delivery is not None:
            delivery.learn(outcome)
            if outcome == LOST:
                about = self.queue.about(delivery.id, delivery.attempt)
                message = "%s: the lease was lost; its outcome is dropped"
                logger.warning(message, delivery.id, extra=about)

    # --- beside the lanes

    def _renew(self) -> None:
        """The heartbeat: renew every lease, and mark those that are lost."""
        with self._guard:
            active = list(self._active.values())
        if not active:
            return
        until = time.monotonic() + self.queue.lease
        span = microseconds("lease", self.queue.lease)
        verdicts = [delivery.verdict("renew", span) for delivery in active]
        try:
            exchange = self.queue.exchange(self.queue.request(verdicts))
        except DataError as error:
            about = {**self._about, "leases": len(active), "code": error.code}
            logger.warning("%d leases were not renewed: %s", len(active), error, extra=about)
            return
        for delivery, outcome in zip(active, exchange.outcomes, strict=True):
            if outcome != LOST:
                delivery.held_until = max(delivery.held_until, until)
            elif delivery.settled is None:
                delivery.learn(LOST)

    def _give_back(self) -> None:
        """Release what is not settled, in one try: what stays comes back when its lease ends."""
        try:
            if (unknown := self._open) is not None:
                self._open = None
                self._note(unknown, self.queue.exchange(unknown))
            with self._guard:
                active = list(self._active.values())
            if active:
                message = "stopped before all was done; the rest is given back"
                logger.warning(message, extra=self._about)
                request = self.queue.request([each.verdict("release") for each in active])
                self._note(request, self.queue.exchange(request))
        except DataError as error:
            about = {**self._about, "code": error.code}
            logger.warning("not everything was given back: %s", error, extra=about)

    def _fail(self, error: BaseException) -> None:
        """Keep the first error that ends the run, log the others, and stop."""
        if self._failure is None:
            self._failure = error
        elif error is not self._failure:
            logger.error("failed once more", exc_info=error, extra=self._about)
        self._stopping.set()
        self._obeying.now()

    def _obey(self) -> None:
        if self._stopping.is_set():
            self._lanes.close()
            if self._wake_up is not None:
                self._wake_up.wake()
        if self._abandoned.is_set():
            self._lanes.abandon()


def _has_second_parameter(handler: Callable[..., Any]) -> bool:
    """Whether it wants the delivery: the second one has no default, or is named so."""
    try:
        parameters = list(inspect.signature(handler).parameters.values())
    except (TypeError, ValueError):  # a builtin that does not tell
        return False
    places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return len(places) > 1 and (
        places[1].default is places[1].empty or places[1].name == "delivery"
    )
