"""The tests of what an emitter promises to its listeners, also to slow and failing ones."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from datapatterns import AsyncStore, InvalidArgument, TimedOut, Unavailable
from datapatterns.contracts import AsyncEmitter
from datapatterns.core.emitter import Gap
from datapatterns.patterns._async.concurrency import AsyncEvent
from datapatterns.testing._async.concurrently import meanwhile
from datapatterns.testing.conformance.samples import NO_NAMES
from datapatterns.testing.waiting import PATIENCE, async_eventually

END = "the end"  # an event that a test emits last, to know that all before it were heard

each_kind = pytest.mark.parametrize("durable", [False, True], ids=["plain", "durable"])


@asynccontextmanager
async def emitter(
    target: AsyncStore, name: str = "events", **options: Any
) -> AsyncGenerator[AsyncEmitter, None]:
    """Yield an emitter; close it at the end of the block."""
    made = target.emitter(name, **options)
    try:
        yield made
    finally:
        await made.close()


def reached(heard: list[Any], n: int) -> bool:
    """Return whether at least `n` messages were heard."""
    return len(heard) >= n


async def pause(seconds: float) -> None:
    """Sleep, as a slow listener may."""
    await asyncio.sleep(seconds)


async def settle(events: AsyncEmitter) -> None:
    """Wait until the listeners have been called for all that was emitted before."""
    done = AsyncEvent()
    await events.on(END, lambda _: done.set())
    await events.emit(END)
    assert await done.wait(PATIENCE)
    await events.off(END)


class Listeners:
    """The part of `TestEmitter` that is about listeners."""

    @each_kind
    async def test_once(self, target: AsyncStore, durable: bool) -> None:
        """The listener is called for the next event only, however many come at once."""
        heard: list[Any] = []
        async with emitter(target, durable=durable) as events:
            await events.once("news", heard.append)
            await events.once("n*", lambda payload, event: heard.append([payload, event]))
            assert events.listeners("news") == 1
            for number in range(5):
                await events.emit("news", number)
            await async_eventually(lambda: len(heard) >= 2)
            await settle(events)
            assert events.listeners("news") == events.listeners("n*") == 0
        assert sorted(map(str, heard)) == ["0", "[0, 'news']"]

    @each_kind
    async def test_off(self, target: AsyncStore, durable: bool) -> None:
        """`off` removes one listener, or all of the event; the others still hear it."""
        heard: list[Any] = []

        def first(payload: Any) -> None:
            heard.append(("first", payload))

        def second(payload: Any) -> None:
            heard.append(("second", payload))

        async with emitter(target, durable=durable) as events:
            await events.on("news", first)
            await events.on("news", second)
            await events.on("other", first)
            assert events.listeners("news") == 2
            await events.off("news", first)
            assert events.listeners("news") == 1
            await events.emit("news", 1)
            await settle(events)
            await events.off("news")
            assert events.listeners("news") == 0
            await events.emit("news", 2)
            await events.emit("other", 3)
            await settle(events)
            await events.off("other", second)
            await events.off("never")
            assert events.listeners("other") == 1
            await events.on("news", second)
            await events.emit("news", 4)
            await settle(events)
        assert heard == [("second", 1), ("first", 3), ("second", 4)]

    async def test_a_slow_listener(self, target: AsyncStore) -> None:
        """The calls of a slow listener do not overlap, and keep the order."""
        heard: list[Any] = []
        running: list[int] = []
        async with emitter(target) as events:

            async def slow(payload: int) -> None:
                running.append(payload)
                await pause(0.005)
                heard.append(list(running))
                running.remove(payload)

            await events.on("count", slow)
            for number in range(20):
                await events.emit("count", number)
            await async_eventually(lambda: len(heard) == 20)
        assert heard == [[number] for number in range(20)]

    async def test_each_listener_has_its_own_payload(self, target: AsyncStore) -> None:
        """A listener that changes its payload does not change that of another."""
        heard: list[Any] = []
        async with emitter(target) as events:
            await events.on("news", lambda payload: payload.update(spoilt=True))
            await events.on("news", heard.append)
            await events.emit("news", {"a": 1})
            await async_eventually(lambda: heard)
        assert heard == [{"a": 1}]

    @each_kind
    async def test_errors_go_to_their_listeners(self, target: AsyncStore, durable: bool) -> None:
        """A listener that raises stops no listener; listeners of `error` get the exception."""
        heard: list[Any] = []
        errors: list[Any] = []

        def bad(payload: Any) -> None:
            raise LookupError(payload)

        async with emitter(target, durable=durable) as events:
            await events.on("error", errors.append)
            await events.on("news", bad)
            await events.on("news", heard.append)
            await events.emit("news", 1)
            await events.emit("news", 2)
            await async_eventually(lambda: len(heard) == len(errors) == 2)
        assert heard == [1, 2]
        assert [type(error) for error in errors] == [LookupError, LookupError]
        assert [error.args for error in errors] == [(1,), (2,)]

    async def test_errors_go_to_the_log(
        self, target: AsyncStore, caplog: pytest.LogCaptureFixture
    ) -> None:
        """An error is logged if `error` has no listener, or if a listener of `error` raises."""

        def bad(payload: Any) -> None:
            raise LookupError("first")

        def worse(error: Exception) -> None:
            raise ZeroDivisionError("second")

        with caplog.at_level(logging.ERROR):
            async with emitter(target) as events:
                await events.on("news", bad)
                await events.emit("news")
                await settle(events)
                await async_eventually(lambda: len(caplog.records) == 1)
                await events.on("error", worse)
                await events.emit("news")
                await settle(events)
                await async_eventually(lambda: len(caplog.records) == 2)
        logged = [record.exc_info[0] for record in caplog.records if record.exc_info]
        assert logged == [LookupError, ZeroDivisionError]

    @each_kind
    async def test_wait_for(self, target: AsyncStore, durable: bool) -> None:
        """`wait_for` returns the next payload, and leaves no listener behind."""
        async with emitter(target, durable=durable) as events:

            async def emit_until_heard() -> None:
                while not got:
                    await events.emit("news", {"n": 1})
                    await events.emit("user.made", 2)
                    await pause(0.01)

            got: list[Any] = []
            async with meanwhile(emit_until_heard):
                try:
                    first = await events.wait_for("news", timeout=PATIENCE)
                    second = await events.wait_for("user.*", timeout=PATIENCE)
                finally:
                    got.append(True)
            assert first == {"n": 1}
            assert second == 2
            assert events.listeners("news") == 0

    @each_kind
    async def test_wait_for_in_vain(self, target: AsyncStore, durable: bool) -> None:
        """`wait_for` raises TimedOut when no such event comes in time."""
        async with emitter(target, durable=durable) as events:
            await events.emit("news")
            with pytest.raises(TimedOut):
                await events.wait_for("news", timeout=0.05)
            assert events.listeners("news") == 0
            bad: tuple[Any, ...] = (0, -1, "1", None)
            for timeout in bad:
                with pytest.raises(InvalidArgument):
                    await events.wait_for("news", timeout=timeout)

    @each_kind
    async def test_a_lagging_listener(self, target: AsyncStore, durable: bool) -> None:
        """It loses its oldest messages, and a gap with their number precedes the next one."""
        story: list[Any] = []
        go_on = AsyncEvent()
        async with emitter(target, durable=durable, buffer=10) as events:

            async def slow(payload: int) -> None:
                story.append(payload)
                await go_on.wait(PATIENCE)

            async def send() -> None:
                for number in range(50):
                    await events.emit("count", number)
                    if number == 0:
                        await async_eventually(lambda: story)  # it is busy with the first one
                await events.emit(END)

            await events.on("gap", story.append)
            await events.on("count", slow)
            async with meanwhile(send):
                await events.wait_for(END, timeout=PATIENCE)
            go_on.set()
            await async_eventually(lambda: len(story) >= 12)
        gap = story.pop(1)
        assert story == [0, *range(40, 50)]
        assert isinstance(gap, Gap)
        assert (gap.events, gap.cause, gap.lost) == (("count",), "buffer", 39)
        assert 0 <= gap.seconds < PATIENCE

    async def test_a_listener_that_keeps_up_has_no_gap(self, target: AsyncStore) -> None:
        """A buffer that is never full loses no message, and there is no gap."""
        heard: list[Any] = []
        gaps: list[Any] = []
        async with emitter(target, buffer=1) as events:
            await events.on("gap", gaps.append)
            await events.on("count", heard.append)
            for number in range(20):
                await events.emit("count", number)
                await async_eventually(partial(reached, heard, number + 1))
            await settle(events)
        assert gaps == []

    @each_kind
    async def test_listeners_may_use_the_emitter(self, target: AsyncStore, durable: bool) -> None:
        """A listener may call emit, on, off and wait_for without a deadlock."""
        heard: list[Any] = []
        async with emitter(target, durable=durable) as events:

            async def first(payload: Any) -> None:
                await events.on("second", heard.append)
                await events.off("first")
                await events.emit("second", payload + 1)
                with pytest.raises(TimedOut):
                    await events.wait_for("never", timeout=0.01)
                heard.append("first is done")

            await events.on("first", first)
            await events.emit("first", 1)
            await async_eventually(lambda: len(heard) == 2)
            assert events.listeners("first") == 0
        assert sorted(map(str, heard)) == ["2", "first is done"]

    @each_kind
    async def test_close(self, target: AsyncStore, durable: bool) -> None:
        """Nothing is called after `close`; every use is Unavailable; `close` may be repeated."""
        heard: list[Any] = []
        async with emitter(target, durable=durable) as other:
            events = target.emitter(durable=durable)
            await events.on("news", heard.append)
            await events.close()
            await other.emit("news", 1)
            await settle(other)
            assert heard == []
            assert events.listeners("news") == 0
            with pytest.raises(Unavailable):
                await events.on("news", heard.append)
            with pytest.raises(Unavailable):
                await events.on("gap", heard.append)
            with pytest.raises(Unavailable):
                await events.once("news", heard.append)
            with pytest.raises(Unavailable):
                await events.emit("news")
            with pytest.raises(Unavailable):
                await events.wait_for("news", timeout=1)
            await events.off("news")
            await events.close()

    @each_kind
    async def test_close_ends_waiting(self, target: AsyncStore, durable: bool) -> None:
        """`close` at once ends every `wait_for` with an error."""
        events = target.emitter(durable=durable)
        begun = time.monotonic()

        async def close() -> None:
            await pause(0.1)
            await events.close()

        async with meanwhile(close):
            with pytest.raises(Unavailable):
                await events.wait_for("news", timeout=PATIENCE)
        assert time.monotonic() - begun < PATIENCE / 2

    async def test_a_listener_may_close(self, target: AsyncStore) -> None:
        """A listener may close the emitter, and runs to its own end."""
        done: list[Any] = []
        events = target.emitter()

        async def last(payload: Any) -> None:
            await events.close()
            done.append(payload)

        await events.on("news", last)
        await events.emit("news", 1)
        await async_eventually(lambda: done)
        with pytest.raises(Unavailable):
            await events.emit("news")

    async def test_closing_what_was_never_used(self, target: AsyncStore) -> None:
        """Closing an unused emitter has no effect."""
        await target.emitter().close()

    @pytest.mark.parametrize("name", NO_NAMES)
    async def test_no_names(self, target: AsyncStore, name: Any) -> None:
        """A value that is not a valid name raises InvalidArgument, and adds no listener."""
        async with emitter(target) as events:
            calls: list[Callable[[], Any]] = [
                lambda: events.on(name, print),
                lambda: events.once(name, print),
                lambda: events.off(name),
                lambda: events.emit(name),
                lambda: events.wait_for(name, timeout=1),
            ]
            for call in calls:
                with pytest.raises(InvalidArgument):
                    await call()
            with pytest.raises(InvalidArgument):
                events.listeners(name)
            with pytest.raises(InvalidArgument):
                target.emitter(name)

    @each_kind
    async def test_bad_arguments(self, target: AsyncStore, durable: bool) -> None:
        """Patterns, own events, payloads that are no JSON, and bad listeners are refused."""
        heard: list[Any] = []
        async with emitter(target, durable=durable) as events:
            await events.on("*", lambda payload, event: heard.append(event))
            for event in ("*", "user.*", "error", "gap"):
                with pytest.raises(InvalidArgument):
                    await events.emit(event)
            payloads: tuple[Any, ...] = ({1, 2}, b"bytes", object(), "\ud800")
            for payload in payloads:
                with pytest.raises(InvalidArgument):
                    await events.emit("news", payload)
            nothing: Any = None
            with pytest.raises(InvalidArgument):
                await events.on("news", nothing)
            await settle(events)
            await async_eventually(lambda: heard)
        assert heard == [END]
        sizes: tuple[Any, ...] = (0, -1, 1.5, None, True)
        for size in sizes:
            with pytest.raises(InvalidArgument):
                target.emitter(buffer=size)
