# Generated from datapatterns/patterns/_async/queue_worker.py by scripts/unasync.py; do not edit.
"""A worker on a queue of any backend, which uses the queue by its steps only."""

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

from datapatterns import contracts
from datapatterns.core.backoff import Backoff
from datapatterns.core.checks import Duration, check_count, check_flag, microseconds, seconds
from datapatterns.core.work_queue import LOST, Request, Verdict, WorkSummary, describe
from datapatterns.errors import DataError, InvalidArgument, OutcomeUnknown
from datapatterns.patterns._sync.concurrency import (
    Event,
    Every,
    Handler,
    Lanes,
    Lock,
    stop_on_signals,
)
from datapatterns.patterns._sync.work_queue import (
    BaseQueue,
    Delivery,
    Exchange,
    Hold,
    WakeUp,
    rest,
)

M = TypeVar("M")

logger = logging.getLogger("datapatterns.work_queue")

_AGAIN = Backoff(base=0.1, cap=5.0)  # between tries to reach the backend
_BEATS = 4  # renewals in the time of one lease: three may fail


class Worker(contracts.Worker, Generic[M]):
    """Takes items from a queue and calls a handler for them, `parallel` at a time, until stopped.

    1. There are `parallel` lanes. In each step, a lane settles its last item and takes the next
       one. The lanes that finish while a step is under way share the following step, so a busy
       worker needs at most one step an item.
    2. The handler is called with the item, and with the delivery if it has a second parameter (its
       type is in `datapatterns.contracts`). If it returns, the item is acked; if it raises, the
       item is retried after the queue's backoff, with the error, up to `max_attempts`. It may also
       settle the delivery itself.
    3. Beside the handlers, a heartbeat renews all leases, four times in the time of one. So a slow
       handler runs once, and the items of a dead worker come back. If a lease ends all the same
       (the process was stopped, the backend could not be reached), the delivery is `lost`: the
       handler can see that, and its outcome changes nothing, since another worker has the item, or
       will have it.
    4. With nothing to do, one lane waits for the queue's wake-up, and the others wait for that
       lane. It looks again at least every second, which takes back the items of dead workers.
    5. A step whose outcome is not known is sent again until it is; only then is an ack counted.
       While the backend cannot be reached, the worker goes on trying. An error that cannot pass by
       itself is raised by `run`, after draining.
    6. At `stop`, SIGINT or SIGTERM the worker takes no more items, finishes those under way within
       `drain_timeout` seconds, releases the rest without counting the attempt, and returns. At the
       second time it releases them at once: in the async face async handlers are cancelled, and
       the outcome of a handler in a thread is dropped.

    In the async face sync handlers run in threads. An async handler must not block the loop for
    longer than a lease, since the heartbeat is on the loop, too. With `signals=False` the worker
    leaves the signals to the application. A stop before `run` ends that run at once. Cancelling
    `run` releases everything.
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
        self.queue: BaseQueue[M] = queue
        self.handler = handler
        self.parallel = check_count("parallel", parallel)
        self.drain_timeout = seconds("drain_timeout", drain_timeout)
        self.signals = check_flag("signals", signals)
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
    """What one lane asks of the next step, and the answer."""

    def __init__(self, verdict: Verdict | None, take: bool) -> None:
        self.verdict, self.take = verdict, take
        self.done = False
        self.error: BaseException | None = None
        self.hold: Hold[M] | None = None
        self.pause = 0.0


class _Run(Generic[M]):
    """One run of a worker.

    A handler that was abandoned may end after its run; it has no effect on the next one.
    """

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
        self._active: dict[tuple[str, str], Hold[M]] = {}
        self._counts: Counter[str] = Counter()
        self._lanes = Lanes(worker.parallel, on_error=self._fail)
        self._obeying = Every(1.0, self._obey)

    def stop(self) -> None:
        """Stop at the first call, abandon at the second; a signal handler may call this."""
        (self._abandoned if self._stopping.is_set() else self._stopping).set()
        self._obeying.now()

    def work(self) -> WorkSummary:
        """Run the lanes until stopped, drain them, and release what is left."""
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
        """Settle the last item, take the next one and handle it, again and again."""
        verdict: Verdict | None = None
        while not self._abandoned.is_set():
            taking = not self._stopping.is_set()
            if verdict is None and not taking:
                return
            ask = self._ask(verdict, taking)
            verdict, hold = None, ask.hold
            if hold is None and taking:
                hold = self._wait(wake_up, ask.pause)
            if hold is not None:
                verdict = self._handle(handler, hold)

    def _wait(self, wake_up: WakeUp, pause: float) -> Hold[M] | None:
        """Wait for an item, one lane at a time, and return it; None when stopped."""
        with self._waiting:
            while not self._stopping.is_set():
                wake_up.wait(rest(pause))
                if self._stopping.is_set():
                    break
                ask = self._ask(None, True)
                if ask.hold is not None:
                    return ask.hold
                pause = ask.pause
        return None

    def _handle(self, handler: Handler, hold: Hold[M]) -> Verdict | None:
        """Call the handler and return the verdict; None if the handler has settled the item."""
        item, id, attempt = hold.item, hold.taken.id, hold.taken.attempt
        wanted = (item, Delivery(hold)) if self.worker.wants_delivery else (item,)
        try:
            handler(*wanted)
        except Exception as error:
            message = "%s: attempt %d failed"
            logger.warning(message, id, attempt, exc_info=True, extra=hold.about())
            # Called here, since the application's function may raise, too.
            span = microseconds("backoff", self.queue.backoff(attempt))
            verdict = hold.verdict("retry", span, describe(error))
        else:
            verdict = hold.verdict("ack")
        if hold.settled is None:
            return verdict
        self._count(verdict, hold.settled)
        return None

    # --- steps

    def _ask(self, verdict: Verdict | None, take: bool) -> _Ask[M]:
        """Have the next step serve this lane; the lane that sends it serves all that wait."""
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
            for ask, hold in zip(takers, exchange.holds, strict=False):
                ask.hold = hold
        for ask in asks:
            ask.done = True

    def _insist(self, request: Request) -> Exchange[M] | None:
        """Send the request until its outcome is known, and return that; None when stopped."""
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
        """Keep the items taken, and count the items settled."""
        with self._guard:
            for hold in exchange.holds:
                self._active[hold.key] = hold
            self._counts["bury"] += len(exchange.spoiled)
        for verdict, outcome in zip(request.verdicts, exchange.outcomes, strict=True):
            self._count(verdict, outcome)

    def _count(self, verdict: Verdict, outcome: str) -> None:
        """Count the outcome, unless that was done, and drop the item."""
        with self._guard:
            hold = self._active.pop((verdict.id, verdict.token), None)
            if hold is not None:
                self._counts[outcome] += 1
        if hold is not None:
            hold.learn(outcome)
            if outcome == LOST:
                message = "%s: the lease was lost; its outcome is dropped"
                logger.warning(message, verdict.id, extra=hold.about())

    # --- beside the lanes

    def _renew(self) -> None:
        """Renew every lease, and mark those that are lost."""
        with self._guard:
            active = list(self._active.values())
        if not active:
            return
        until = time.monotonic() + self.queue.lease
        span = microseconds("lease", self.queue.lease)
        verdicts = [hold.verdict("renew", span) for hold in active]
        try:
            exchange = self.queue.exchange(self.queue.request(verdicts))
        except DataError as error:
            about = {**self._about, "leases": len(active), "code": error.code}
            logger.warning("%d leases were not renewed: %s", len(active), error, extra=about)
            return
        for hold, outcome in zip(active, exchange.outcomes, strict=True):
            if outcome != LOST:
                hold.held_until = max(hold.held_until, until)
            elif hold.settled is None:
                hold.learn(LOST)

    def _give_back(self) -> None:
        """Try once to release what is not settled; the rest is ready again after its lease."""
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
    """Return whether the handler takes the delivery as a second argument.

    It does if its second parameter has no default value, or is named `delivery`.
    """
    try:
        parameters = list(inspect.signature(handler).parameters.values())
    except (TypeError, ValueError):  # a builtin without a signature
        return False
    places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return len(places) > 1 and (
        places[1].default is places[1].empty or places[1].name == "delivery"
    )
