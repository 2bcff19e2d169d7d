"""The tests of what every emitter promises."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

from datapatterns import AsyncStore
from datapatterns.testing._async.concurrently import concurrently
from datapatterns.testing.conformance._async.listeners import (
    END,
    Listeners,
    each_kind,
    emitter,
    settle,
)
from datapatterns.testing.conformance._async.payloads import Payloads
from datapatterns.testing.conformance.samples import HOSTILE
from datapatterns.testing.waiting import async_eventually

EVENTS = [name for name in HOSTILE if "*" not in name]


class TestEmitter(Payloads, Listeners):
    """Tests `target.emitter` on a backend that declares `emitter`."""

    pattern: ClassVar[str] = "emitter"

    @each_kind
    async def test_an_emit_after_on_is_heard(self, target: AsyncStore, durable: bool) -> None:
        """An emit that begins after `on` has returned is heard, whichever process emits."""
        async with emitter(target, durable=durable) as other:
            for turn in range(15):
                heard: list[Any] = []
                async with emitter(target, durable=durable) as events:
                    await events.on("news", heard.append)
                    await other.emit("news", turn)
                    await async_eventually(heard.__len__)
                assert heard == [turn]

    @each_kind
    async def test_what_came_before_on_is_not_heard(
        self, target: AsyncStore, durable: bool
    ) -> None:
        """A listener hears only what is emitted after it was added."""
        heard: list[Any] = []
        async with (
            emitter(target, durable=durable) as events,
            emitter(target, durable=durable) as other,
        ):
            await other.emit("news", "old")
            await events.on("other", heard.append)
            await other.emit("news", "older than the listener")
            await settle(events)
            await events.on("news", heard.append)
            await other.emit("news", "new")
            await settle(events)
        assert heard == ["new"]

    @each_kind
    async def test_everybody_hears(self, target: AsyncStore, durable: bool) -> None:
        """All listeners of the event hear it, on all emitters of that name, and no others do."""
        heard: list[Any] = []
        async with (
            emitter(target, durable=durable) as one,
            emitter(target, durable=durable) as two,
            emitter(target, "others", durable=durable) as strange,
        ):
            await one.on("news", lambda payload: heard.append(("one", payload)))
            await one.on("news", lambda payload: heard.append(("one again", payload)))
            await one.on("new", lambda payload: heard.append(("shorter", payload)))
            await two.on("news", lambda payload: heard.append(("two", payload)))
            await strange.on("news", lambda payload: heard.append(("strange", payload)))
            await two.emit("news", 1)
            for each in (one, two, strange):
                await settle(each)
        assert sorted(heard) == [("one", 1), ("one again", 1), ("two", 1)]

    @each_kind
    async def test_order(self, target: AsyncStore, durable: bool) -> None:
        """A listener hears one caller's messages in order, each once."""
        heard: list[Any] = []
        async with (
            emitter(target, durable=durable) as events,
            emitter(target, durable=durable) as other,
        ):
            await events.on("count", heard.append)
            for number in range(300):
                await other.emit("count", number)
            await async_eventually(lambda: len(heard) >= 300)
        assert heard == list(range(300))

    @each_kind
    async def test_emitting_at_once(self, target: AsyncStore, durable: bool) -> None:
        """Listeners hear all that many callers emit at the same time, each message once."""
        heard: list[Any] = []
        async with emitter(target, durable=durable) as events:

            async def send(caller: int) -> None:
                for number in range(25):
                    await events.emit("count", [caller, number])

            await events.on("count", heard.append)
            await concurrently(send, [(caller,) for caller in range(8)])
            await async_eventually(lambda: len(heard) >= 200)
            await settle(events)
        assert sorted(heard) == [[caller, number] for caller in range(8) for number in range(25)]
        for caller in range(8):
            assert [n for c, n in heard if c == caller] == list(range(25))

    @each_kind
    async def test_patterns(self, target: AsyncStore, durable: bool) -> None:
        """A pattern's listener gets payload and event; `*` stands for anything, or nothing."""
        heard: dict[str, list[Any]] = {p: [] for p in ("user.*", "*", "*.made", "u*r.m*e", "a**")}
        async with emitter(target, durable=durable) as events:
            for pattern, found in heard.items():
                await events.on(
                    pattern, lambda payload, event, found=found: found.append((event, payload))
                )
            emitted = ["user.made", "user.", "user", "order.made", "use.made", "a"]
            for event in emitted:
                await events.emit(event, len(event))
            await settle(events)
            await async_eventually(lambda: len(heard["*"]) == len(emitted) + 1)
        assert [event for event, _ in heard["*"]] == [*emitted, END]
        assert heard["user.*"] == [("user.made", 9), ("user.", 5)]
        assert [event for event, _ in heard["*.made"]] == ["user.made", "order.made", "use.made"]
        assert [event for event, _ in heard["u*r.m*e"]] == ["user.made"]
        assert [event for event, _ in heard["a**"]] == ["a"]

    @each_kind
    async def test_only_the_star_is_special(self, target: AsyncStore, durable: bool) -> None:
        """Characters that are special in other kinds of patterns match only themselves."""
        literal = [
            "a?",
            "a[bc]",
            "a[^b]",
            "a\\b",
            "a.c",
            "a{b,c}",
            "a+",
            "^a",
            "a$",
            "a-z",
            "(a|b)",
        ]
        heard: list[Any] = []
        async with emitter(target, durable=durable) as events:
            for event in literal:
                await events.on(f"{event}*", lambda _, event: heard.append(event))
            for event in ["ab", "ac", "abc", "a", "b", "aa", "axc", "az"]:
                await events.emit(event)
            for event in literal:
                await events.emit(event)
            await settle(events)
            await async_eventually(lambda: len(heard) >= len(literal))
        assert heard == literal

    @each_kind
    async def test_own_events_match_no_pattern(self, target: AsyncStore, durable: bool) -> None:
        """A listener of `*` does not get the emitter's own events."""
        heard: list[Any] = []
        async with emitter(target, durable=durable) as events:
            await events.on("*", lambda payload, event: heard.append(event))
            await events.on("news", lambda payload: 1 / 0)
            await events.on("error", lambda error: None)
            await events.emit("news")
            await settle(events)
            await async_eventually(lambda: len(heard) >= 2)
        assert heard == ["news", END]

    @each_kind
    async def test_hostile_events(self, target: AsyncStore, durable: bool) -> None:
        """Any string without a star is an event, and reaches only its own listeners."""
        heard: list[Any] = []
        by_pattern: list[Any] = []
        async with emitter(target, durable=durable) as events:
            for event in EVENTS:
                await events.on(event, lambda payload, event=event: heard.append((event, payload)))
            await events.on("*", lambda payload, event: by_pattern.append((event, payload)))
            for number, event in enumerate(EVENTS):
                await events.emit(event, number)
            await settle(events)
            await async_eventually(
                lambda: len(heard) >= len(EVENTS) and len(by_pattern) > len(EVENTS)
            )
        assert sorted(heard, key=lambda each: each[1]) == [(e, n) for n, e in enumerate(EVENTS)]
        assert by_pattern[:-1] == [(event, number) for number, event in enumerate(EVENTS)]

    @each_kind
    async def test_hostile_names(self, target: AsyncStore, durable: bool) -> None:
        """Emitters of different names share no messages, also none of patterns."""
        for name in HOSTILE:
            heard: list[Any] = []
            async with (
                emitter(target, name, durable=durable) as events,
                emitter(target, f"{name}x", durable=durable) as other,
                emitter(target, "*", durable=durable) as star,
            ):
                await events.on("*", lambda payload, event, heard=heard: heard.append(payload))
                await other.emit("news", "other")
                if name != "*":
                    await star.emit("news", "star")
                await events.emit("news", name)
                await async_eventually(heard.__len__)
            assert heard == [name]

    @each_kind
    async def test_leaving_and_joining_again(self, target: AsyncStore, durable: bool) -> None:
        """After any number of `off` and `on`, an emit after the last `on` is heard."""
        heard: list[Any] = []
        async with (
            emitter(target, durable=durable) as events,
            emitter(target, durable=durable) as other,
        ):
            for turn in range(30):
                await events.on("news", heard.append)
                await other.emit("news", turn)
                await async_eventually(partial(heard.__contains__, turn))
                await events.off("news")
        assert heard == list(range(30))

    @each_kind
    async def test_joining_at_once(self, target: AsyncStore, durable: bool) -> None:
        """Many callers that listen to the same event at the same time all hear what follows."""
        heard: list[Any] = []
        async with emitter(target, durable=durable) as events:

            async def join(caller: int) -> None:
                await events.on("news", lambda _, caller=caller: heard.append(caller))
                await events.on(f"own-{caller}", heard.append)

            await concurrently(join, [(caller,) for caller in range(8)])
            await events.emit("news")
            for caller in range(8):
                await events.emit(f"own-{caller}", -caller)
            await async_eventually(lambda: len(heard) >= 16)
        assert sorted(heard) == sorted([*range(8), *(-caller for caller in range(8))])
