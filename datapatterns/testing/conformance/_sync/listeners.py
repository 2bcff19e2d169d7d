# Generated from datapatterns/testing/conformance/_async/listeners.py by scripts/unasync.py; do not edit.
"""The tests of what an emitter promises to its listeners, also to slow and failing ones."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from datapatterns import InvalidArgument, Store, TimedOut, Unavailable
from datapatterns.contracts import Emitter
from datapatterns.core.emitter import Gap
from datapatterns.patterns._sync.concurrency import Event
from datapatterns.testing._sync.concurrently import meanwhile
from datapatterns.testing.conformance.samples import NO_NAMES
from datapatterns.testing.waiting import PATIENCE, eventually

END = "the end"  # an event that a test emits last, to know that all before it were heard

each_kind = pytest.mark.parametrize("durable", [False, True], ids=["plain", "durable"])


@contextmanager
def emitter(target: Store, name: str = "events", **options: Any) -> Generator[Emitter, None]:
    """Yield an emitter; close it at the end of the block."""
    made = target.emitter(name, **options)
    try:
        yield made
    finally:
        made.close()


def reached(heard: list[Any], n: int) -> bool:
    """Return whether at least `n` messages were heard."""
    return len(heard) >= n


def pause(seconds: float) -> None:
    """Sleep, as a slow listener may."""
    time.sleep(seconds)


def settle(events: Emitter) -> None:
    """Wait until the listeners have been called for all that was emitted before."""
    done = Event()
    events.on(END, lambda _: done.set())
    events.emit(END)
    assert done.wait(PATIENCE)
    events.off(END)


class Listeners:
    """The part of `TestEmitter` that is about listeners."""

    @each_kind
    def test_once(self, target: Store, durable: bool) -> None:
        """The listener is called for the next event only, however many come at once."""
        heard: list[Any] = []
        with emitter(target, durable=durable) as events:
            events.once("news", heard.append)
            events.once("n*", lambda payload, event: heard.append([payload, event]))
            assert events.listeners("news") == 1
            for number in range(5):
                events.emit("news", number)
            eventually(lambda: len(heard) >= 2)
            settle(events)
            assert events.listeners("news") == events.listeners("n*") == 0
        assert sorted(map(str, heard)) == ["0", "[0, 'news']"]

    @each_kind
    def test_off(self, target: Store, durable: bool) -> None:
        """`off` removes one listener, or all of the event; the others still hear it."""
        heard: list[Any] = []

        def first(payload: Any) -> None:
            heard.append(("first", payload))

        def second(payload: Any) -> None:
            heard.append(("second", payload))

        with emitter(target, durable=durable) as events:
            events.on("news", first)
            events.on("news", second)
            events.on("other", first)
            assert events.listeners("news") == 2
            events.off("news", first)
            assert events.listeners("news") == 1
            events.emit("news", 1)
            settle(events)
            events.off("news")
            assert events.listeners("news") == 0
            events.emit("news", 2)
            events.emit("other", 3)
            settle(events)
            events.off("other", second)
            events.off("never")
            assert events.listeners("other") == 1
            events.on("news", second)
            events.emit("news", 4)
            settle(events)
        assert heard == [("second", 1), ("first", 3), ("second", 4)]

    def test_a_slow_listener(self, target: Store) -> None:
        """The calls of a slow listener do not overlap, and keep the order."""
        heard: list[Any] = []
        running: list[int] = []
        with emitter(target) as events:

            def slow(payload: int) -> None:
                running.append(payload)
                pause(0.005)
                heard.append(list(running))
                running.remove(payload)

            events.on("count", slow)
            for number in range(20):
                events.emit("count", number)
            eventually(lambda: len(heard) == 20)
        assert heard == [[number] for number in range(20)]

    def test_each_listener_has_its_own_payload(self, target: Store) -> None:
        """A listener that changes its payload does not change that of another."""
        heard: list[Any] = []
        with emitter(target) as events:
            events.on("news", lambda payload: payload.update(spoilt=True))
            events.on("news", heard.append)
            events.emit("news", {"a": 1})
            eventually(lambda: heard)
        assert heard == [{"a": 1}]

    @each_kind
    def test_errors_go_to_their_listeners(self, target: Store, durable: bool) -> None:
        """A listener that raises stops no listener; listeners of `error` get the exception."""
        heard: list[Any] = []
        errors: list[Any] = []

        def bad(payload: Any) -> None:
            raise LookupError(payload)

        with emitter(target, durable=durable) as events:
            events.on("error", errors.append)
            events.on("news", bad)
            events.on("news", heard.append)
            events.emit("news", 1)
            events.emit("news", 2)
            eventually(lambda: len(heard) == len(errors) == 2)
        assert heard == [1, 2]
        assert [type(error) for error in errors] == [LookupError, LookupError]
        assert [error.args for error in errors] == [(1,), (2,)]

    def test_errors_go_to_the_log(self, target: Store, caplog: pytest.LogCaptureFixture) -> None:
        """An error is logged if `error` has no listener, or if a listener of `error` raises."""

        def bad(payload: Any) -> None:
            raise LookupError("first")

        def worse(error: Exception) -> None:
            raise ZeroDivisionError("second")

        with caplog.at_level(logging.ERROR):
            with emitter(target) as events:
                events.on("news", bad)
                events.emit("news")
                settle(events)
                eventually(lambda: len(caplog.records) == 1)
                events.on("error", worse)
                events.emit("news")
                settle(events)
                eventually(lambda: len(caplog.records) == 2)
        logged = [record.exc_info[0] for record in caplog.records if record.exc_info]
        assert logged == [LookupError, ZeroDivisionError]

    @each_kind
    def test_wait_for(self, target: Store, durable: bool) -> None:
        """`wait_for` returns the next payload, and leaves no listener behind."""
        with emitter(target, durable=durable) as events:

            def emit_until_heard() -> None:
                while not got:
                    events.emit("news", {"n": 1})
                    events.emit("user.made", 2)
                    pause(0.01)

            got: list[Any] = []
            with meanwhile(emit_until_heard):
                try:
                    first = events.wait_for("news", timeout=PATIENCE)
                    second = events.wait_for("user.*", timeout=PATIENCE)
                finally:
                    got.append(True)
            assert first == {"n": 1}
            assert second == 2
            assert events.listeners("news") == 0

    @each_kind
    def test_wait_for_in_vain(self, target: Store, durable: bool) -> None:
        """`wait_for` raises TimedOut when no such event comes in time."""
        with emitter(target, durable=durable) as events:
            events.emit("news")
            with pytest.raises(TimedOut):
                events.wait_for("news", timeout=0.05)
            assert events.listeners("news") == 0
            bad: tuple[Any, ...] = (0, -1, "1", None)
            for timeout in bad:
                with pytest.raises(InvalidArgument):
                    events.wait_for("news", timeout=timeout)

    @each_kind
    def test_a_lagging_listener(self, target: Store, durable: bool) -> None:
        """It loses its oldest messages, and a gap with their number precedes the next one."""
        story: list[Any] = []
        go_on = Event()
        with emitter(target, durable=durable, buffer=10) as events:

            def slow(payload: int) -> None:
                story.append(payload)
                go_on.wait(PATIENCE)

            def send() -> None:
                for number in range(50):
                    events.emit("count", number)
                    if number == 0:
                        eventually(lambda: story)  # it is busy with the first one
                events.emit(END)

            events.on("gap", story.append)
            events.on("count", slow)
            with meanwhile(send):
                events.wait_for(END, timeout=PATIENCE)
            go_on.set()
            eventually(lambda: len(story) >= 12)
        gap = story.pop(1)
        assert story == [0, *range(40, 50)]
        assert isinstance(gap, Gap)
        assert (gap.events, gap.cause, gap.lost) == (("count",), "buffer", 39)
        assert 0 <= gap.seconds < PATIENCE

    def test_a_listener_that_keeps_up_has_no_gap(self, target: Store) -> None:
        """A buffer that is never full loses no message, and there is no gap."""
        heard: list[Any] = []
        gaps: list[Any] = []
        with emitter(target, buffer=1) as events:
            events.on("gap", gaps.append)
            events.on("count", heard.append)
            for number in range(20):
                events.emit("count", number)
                eventually(partial(reached, heard, number + 1))
            settle(events)
        assert gaps == []

    @each_kind
    def test_listeners_may_use_the_emitter(self, target: Store, durable: bool) -> None:
        """A listener may call emit, on, off and wait_for without a deadlock."""
        heard: list[Any] = []
        with emitter(target, durable=durable) as events:

            def first(payload: Any) -> None:
                events.on("second", heard.append)
                events.off("first")
                events.emit("second", payload + 1)
                with pytest.raises(TimedOut):
                    events.wait_for("never", timeout=0.01)
                heard.append("first is done")

            events.on("first", first)
            events.emit("first", 1)
            eventually(lambda: len(heard) == 2)
            assert events.listeners("first") == 0
        assert sorted(map(str, heard)) == ["2", "first is done"]

    @each_kind
    def test_close(self, target: Store, durable: bool) -> None:
        """Nothing is called after `close`; every use is Unavailable; `close` may be repeated."""
        heard: list[Any] = []
        with emitter(target, durable=durable) as other:
            events = target.emitter(durable=durable)
            events.on("news", heard.append)
            events.close()
            other.emit("news", 1)
            settle(other)
            assert heard == []
            assert events.listeners("news") == 0
            with pytest.raises(Unavailable):
                events.on("news", heard.append)
            with pytest.raises(Unavailable):
                events.on("gap", heard.append)
            with pytest.raises(Unavailable):
                events.once("news", heard.append)
            with pytest.raises(Unavailable):
                events.emit("news")
            with pytest.raises(Unavailable):
                events.wait_for("news", timeout=1)
            events.off("news")
            events.close()

    @each_kind
    def test_close_ends_waiting(self, target: Store, durable: bool) -> None:
        """`close` at once ends every `wait_for` with an error."""
        events = target.emitter(durable=durable)
        begun = time.monotonic()

        def close() -> None:
            pause(0.1)
            events.close()

        with meanwhile(close):
            with pytest.raises(Unavailable):
                events.wait_for("news", timeout=PATIENCE)
        assert time.monotonic() - begun < PATIENCE / 2

    def test_a_listener_may_close(self, target: Store) -> None:
        """A listener may close the emitter, and runs to its own end."""
        done: list[Any] = []
        events = target.emitter()

        def last(payload: Any) -> None:
            events.close()
            done.append(payload)

        events.on("news", last)
        events.emit("news", 1)
        eventually(lambda: done)
        with pytest.raises(Unavailable):
            events.emit("news")

    def test_closing_what_was_never_used(self, target: Store) -> None:
        """Closing an unused emitter has no effect."""
        target.emitter().close()

    @pytest.mark.parametrize("name", NO_NAMES)
    def test_no_names(self, target: Store, name: Any) -> None:
        """A value that is not a valid name raises InvalidArgument, and adds no listener."""
        with emitter(target) as events:
            calls: list[Callable[[], Any]] = [
                lambda: events.on(name, print),
                lambda: events.once(name, print),
                lambda: events.off(name),
                lambda: events.emit(name),
                lambda: events.wait_for(name, timeout=1),
            ]
            for call in calls:
                with pytest.raises(InvalidArgument):
                    call()
            with pytest.raises(InvalidArgument):
                events.listeners(name)
            with pytest.raises(InvalidArgument):
                target.emitter(name)

    @each_kind
    def test_bad_arguments(self, target: Store, durable: bool) -> None:
        """Patterns, own events, payloads that are no JSON, and bad listeners are refused."""
        heard: list[Any] = []
        with emitter(target, durable=durable) as events:
            events.on("*", lambda payload, event: heard.append(event))
            for event in ("*", "user.*", "error", "gap"):
                with pytest.raises(InvalidArgument):
                    events.emit(event)
            payloads: tuple[Any, ...] = ({1, 2}, b"bytes", object(), "\ud800")
            for payload in payloads:
                with pytest.raises(InvalidArgument):
                    events.emit("news", payload)
            nothing: Any = None
            with pytest.raises(InvalidArgument):
                events.on("news", nothing)
            settle(events)
            eventually(lambda: heard)
        assert heard == [END]
        sizes: tuple[Any, ...] = (0, -1, 1.5, None, True)
        for size in sizes:
            with pytest.raises(InvalidArgument):
                target.emitter(buffer=size)
