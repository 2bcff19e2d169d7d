# Generated from datapatterns/patterns/_async/emitter.py by scripts/unasync.py; do not edit.
"""What emitters of every backend share: the listeners, and how messages reach them."""

from __future__ import annotations

import logging
import threading
import time
from abc import abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Any, Self

from typing_extensions import override

from datapatterns import contracts
from datapatterns.core.checks import Duration, check_count, check_name, positive_seconds
from datapatterns.core.emitter import (
    ERROR,
    GAP,
    OWN,
    Gap,
    check_event,
    decode,
    encode,
    is_pattern,
    matcher,
)
from datapatterns.errors import Closed, DataError, InvalidArgument, TimedOut
from datapatterns.patterns._sync.concurrency import Event
from datapatterns.patterns._sync.courier import Call, Courier, attempt, check_listener

logger = logging.getLogger("datapatterns.emitter")

_MOST = 1_000_000_000  # messages that a buffer may be told to hold
_ALL = 2**62  # a number behind that of every gap

Position = Any  # in a history, where there is one: positions can be compared
Message = tuple[str, bytes]  # the event and the payload as it travels


@dataclass(eq=False, slots=True)
class _Listener:
    """A function and the messages that wait for it; the lock of `Listeners` guards it."""

    event: str
    fn: Callable[..., Any]
    once: bool
    after: Position = None  # messages up to this position are not for this listener
    answer: _Answer | None = None
    pending: deque[tuple[int, Message]] = field(default_factory=deque[tuple[int, Message]])
    lost: int = 0
    lost_since: float = 0.0
    carried: bool = False  # the courier will deliver what is pending
    spent: bool = False  # a listener of `once` that has its message
    gone: bool = False


class _Answer:
    """The payload that `wait_for` waits for; the courier, which may be busy, is not involved."""

    def __init__(self) -> None:
        self.there = Event()
        self.value: Any = None

    def give(self, value: Any) -> None:
        """Keep the value, unless there is one already."""
        if not self.there.is_set():
            self.value = value
            self.there.set()


class Listeners:
    """The listeners of an emitter; each gets its messages one by one, in their order.

    A message is put into the buffer of each of its listeners, and the courier calls a listener for
    one message after the other. When a buffer is full, its oldest message is dropped, and before
    the next call of the listener a `gap` says how many were.

    Gaps are numbered, and a message carries the number of the last gap before it. Before a listener
    is called for a message, the gaps up to that number are announced: so no message that came after
    a gap is delivered before it. A listener without further messages announces all gaps. So a gap
    neither overtakes the messages before it where there is one listener, nor waits for a listener
    that lags.
    """

    def __init__(self, buffer: int, unused: Callable[[str], None]) -> None:
        self.courier = Courier()
        self._buffer = check_count("the buffer", buffer, most=_MOST)
        self._unused = unused
        self._lock = threading.Lock()  # held for moments only, and never while a listener runs
        self._by_event: dict[str, list[_Listener]] = {}
        self._patterns: dict[str, Callable[[str], bool]] = {}
        self._gaps: deque[tuple[int, Gap]] = deque()
        self._number = 0  # of the last gap
        self.closed = False

    def add(self, listener: _Listener) -> None:
        """Deliver messages to this listener from now on; raise Closed once closed."""
        with self._lock:
            if self.closed:
                raise Closed("the emitter is closed")
            self._by_event.setdefault(listener.event, []).append(listener)
            if is_pattern(listener.event):
                self._patterns.setdefault(listener.event, matcher(listener.event))

    def remove(self, event: str, chosen: Callable[[_Listener], bool]) -> None:
        """Remove the chosen listeners of the event; call `unused` if none is left."""
        with self._lock:
            before = self._by_event.get(event, [])
            left = [listener for listener in before if not chosen(listener)]
            for listener in before:
                if listener not in left:
                    listener.gone = True
                    listener.pending.clear()
            self._by_event[event] = left
            if not left:
                del self._by_event[event]
                self._patterns.pop(event, None)
        if before and not left:
            self._unused(event)

    def drop(self, listener: _Listener) -> None:
        """Remove this listener."""
        self.remove(listener.event, lambda other: other is listener)

    def of(self, event: str) -> list[_Listener]:
        """Return the listeners of exactly this event or pattern."""
        with self._lock:
            return list(self._by_event.get(event, ()))

    def events(self) -> tuple[str, ...]:
        """Return all events and patterns with listeners, without the emitter's own events."""
        with self._lock:
            return tuple(sorted(self._by_event.keys() - OWN))

    def any(self) -> bool:
        """Return whether any event or pattern has a listener, without the emitter's own events."""
        with self._lock:
            return bool(self._by_event.keys() - OWN)

    def hear(self, key: str, message: Message, at: Position = None) -> None:
        """Put a message into the buffers of the listeners of this event or pattern."""
        with self._lock:
            for listener in self._by_event.get(key, ()):
                early = listener.after is not None and at is not None and at <= listener.after
                if not early:
                    self._put(listener, message)

    def hear_matching(self, message: Message, at: Position = None) -> None:
        """Put a message into the buffers of the listeners of every matching pattern."""
        with self._lock:
            matching = [key for key, matches in self._patterns.items() if matches(message[0])]
        for key in matching:
            self.hear(key, message, at)

    def _put(self, listener: _Listener, message: Message) -> None:
        if listener.spent:
            return
        listener.spent = listener.once
        if listener.answer is not None:
            listener.answer.give(message[1])
            return
        if len(listener.pending) == self._buffer:
            listener.pending.popleft()
            if not listener.lost:
                listener.lost_since = time.monotonic()
                logger.warning(
                    "a listener of %r lags: it loses its oldest messages",
                    listener.event,
                    extra={"event": listener.event},
                )
            listener.lost += 1
        listener.pending.append((self._number, message))
        if not listener.carried:
            listener.carried = True
            self.courier.call(partial(self._carry, listener))

    def _carry(self, listener: _Listener) -> bool:
        """Deliver the listener's next message; return whether there is more to do."""
        with self._lock:
            number, message = listener.pending.popleft() if listener.pending else (_ALL, None)
            listener.carried = message is not None
            if listener.lost and message is not None:
                seconds = time.monotonic() - listener.lost_since
                gap = Gap((listener.event,), seconds, "buffer", listener.lost)
                self._gaps.appendleft((number, gap))
                listener.lost = 0
        if listener.once and message is not None:
            self.drop(listener)
        if self._gaps or self.courier.announcing():
            self.courier.announce(partial(self._due, number))
        if message is None:
            return False
        if not listener.gone or listener.once:
            self._deliver(listener, *message)
        with self._lock:
            listener.carried = bool(listener.pending or self._gaps)
            return listener.carried

    def _deliver(self, listener: _Listener, event: str, data: bytes) -> None:
        try:
            payload = decode(data)
        except DataError as error:
            self._failed(listener.event, error)
            return
        arguments = (payload, event) if is_pattern(listener.event) else (payload,)
        failure = attempt(listener.fn, *arguments)
        if failure is not None:
            self._failed(listener.event, failure)

    def gap(self, gap: Gap) -> None:
        """Announce the gap before any message that arrives from now on."""
        with self._lock:
            self._number += 1
            self._gaps.append((self._number, gap))
            hearing = [
                one for own, each in self._by_event.items() if own not in OWN for one in each
            ]
        if not hearing or not all(listener.carried for listener in hearing):
            self.courier.call(self._announce)

    def _announce(self) -> bool:
        self.courier.announce(partial(self._due, _ALL))
        return False

    def _due(self, number: int) -> list[Call]:
        """Return the calls that announce the gaps up to this number."""
        due: list[Gap] = []
        with self._lock:
            while self._gaps and self._gaps[0][0] <= number:
                due.append(self._gaps.popleft()[1])
        calls: list[Call] = []
        for gap in due:
            told = self._called(GAP, gap)
            calls += told
            if not told:
                logger.warning(
                    "messages may have been missed, and nobody listens to gap: %s",
                    gap,
                    extra={"gap": gap},
                )
        return calls

    def _failed(self, event: str, error: Exception) -> None:
        calls = self._called(ERROR, error)
        for call in calls:
            call()
        if not calls:
            about = {"event": event}
            logger.error("a listener of %r failed", event, exc_info=error, extra=about)

    def _called(self, own: str, payload: Any) -> list[Call]:
        """Return the calls of the listeners of one of the emitter's own events."""
        listeners = self.of(own)
        for listener in listeners:
            if listener.answer is not None:
                listener.answer.give(payload)
            if listener.once:
                self.drop(listener)
        return [partial(self._tell, listener, payload) for listener in listeners]

    def _tell(self, listener: _Listener, payload: Any) -> None:
        error = attempt(listener.fn, payload)
        if error is not None:
            about = {"event": listener.event}
            logger.error("a listener of %r failed", listener.event, exc_info=error, extra=about)

    def close(self) -> None:
        """Remove every listener and end the calls under way."""
        with self._lock:
            self.closed = True
            listeners = [one for each in self._by_event.values() for one in each]
            self._by_event.clear()
            for listener in listeners:
                listener.gone = True
                listener.pending.clear()
        for listener in listeners:
            if listener.answer is not None:
                listener.answer.give(Closed("the emitter was closed"))
        self.courier.close()


class BaseEmitter(contracts.Emitter):
    """The part of an emitter that does not depend on the backend.

    A backend brings `_begin` and `_end`, between which the messages of an event reach
    `self._listeners`, `_send` and `_stop`; and `_position` if it keeps a history.
    """

    def __init__(self, buffer: int, timeout: Duration) -> None:
        self._listeners = Listeners(buffer, self._end)
        self._timeout = positive_seconds("timeout", timeout)

    def _position(self) -> Position:
        """Return the position in the history behind which a listener added now is to hear."""
        return None

    @abstractmethod
    def _begin(self, event: str, timeout: float, at: Position) -> None:
        """Return once every message of the event that is sent from now on will arrive here."""

    @abstractmethod
    def _end(self, event: str) -> None:
        """Receive no more messages of the event, whose last listener has left."""

    @abstractmethod
    def _send(self, event: str, data: bytes) -> None:
        """Send a message to all emitters of this name."""

    @abstractmethod
    def _stop(self) -> None:
        """End what runs in the background and close its connections."""

    @override
    def on(self, event: str, fn: Callable[..., Any]) -> None:
        self._listen(event, fn, once=False)

    @override
    def once(self, event: str, fn: Callable[..., Any]) -> None:
        self._listen(event, fn, once=True)

    def _listen(self, event: str, fn: Callable[..., Any], *, once: bool) -> None:
        if not callable(fn):
            raise InvalidArgument("a listener must be callable")
        check_listener(fn)
        self._listeners.courier.start()
        self._join(_Listener(check_name("an event", event), fn, once), self._timeout)

    def _join(self, listener: _Listener, timeout: float) -> None:
        if listener.event in OWN:
            self._listeners.add(listener)
            return
        if self._listeners.closed:
            raise Closed("the emitter is closed")
        listener.after = self._position()
        self._listeners.add(listener)
        try:
            self._begin(listener.event, timeout, listener.after)
        except BaseException:
            self._listeners.drop(listener)
            raise

    @override
    def off(self, event: str, fn: Callable[..., Any] | None = None) -> None:
        self._listeners.remove(
            check_name("an event", event),
            lambda listener: listener.answer is None and (fn is None or listener.fn == fn),
        )

    @override
    def emit(self, event: str, payload: Any = None) -> None:
        event, data = check_event(event), encode(payload)
        if self._listeners.closed:
            raise Closed("the emitter is closed")
        self._send(event, data)

    @override
    def wait_for(self, event: str, *, timeout: Duration) -> Any:
        timeout = positive_seconds("timeout", timeout)
        ends = time.monotonic() + timeout
        answer = _Answer()
        listener = _Listener(check_name("an event", event), _nothing, True, answer=answer)
        self._join(listener, timeout)
        try:
            if not answer.there.wait(max(0.0, ends - time.monotonic())):
                raise TimedOut("no such event came in time")
        finally:
            self._listeners.drop(listener)
        if isinstance(answer.value, Closed):
            raise answer.value
        return decode(answer.value) if isinstance(answer.value, bytes) else answer.value

    @override
    def listeners(self, event: str) -> int:
        found = self._listeners.of(check_name("an event", event))
        return sum(listener.answer is None for listener in found)

    @override
    def close(self) -> None:
        self._listeners.close()
        self._stop()

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
        self.close()


def _nothing(*_: Any) -> None:
    """Do nothing: the function of a listener that only has an answer."""
