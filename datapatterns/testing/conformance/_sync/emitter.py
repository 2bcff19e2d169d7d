# Generated from datapatterns/testing/conformance/_async/emitter.py by scripts/unasync.py; do not edit.
"""The tests of what every emitter promises."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

from datapatterns import Store
from datapatterns.testing._sync.concurrently import concurrently
from datapatterns.testing.conformance._sync.listeners import (
    END,
    Listeners,
    each_kind,
    emitter,
    settle,
)
from datapatterns.testing.conformance._sync.payloads import Payloads
from datapatterns.testing.conformance.samples import HOSTILE
from datapatterns.testing.waiting import eventually

EVENTS = [name for name in HOSTILE if "*" not in name]


class TestEmitter(Payloads, Listeners):
    """Tests `target.emitter` on a backend that declares `emitter`."""

    pattern: ClassVar[str] = "emitter"

    @each_kind
    def test_an_emit_after_on_is_heard(self, target: Store, durable: bool) -> None:
        """An emit that begins after `on` has returned is heard, whichever process emits."""
        with emitter(target, durable=durable) as other:
            for turn in range(15):
                heard: list[Any] = []
                with emitter(target, durable=durable) as events:
                    events.on("news", heard.append)
                    other.emit("news", turn)
                    eventually(heard.__len__)
                assert heard == [turn]

    @each_kind
    def test_what_came_before_on_is_not_heard(self, target: Store, durable: bool) -> None:
        """A listener hears only what is emitted after it was added."""
        heard: list[Any] = []
        with (
            emitter(target, durable=durable) as events,
            emitter(target, durable=durable) as other,
        ):
            other.emit("news", "old")
            events.on("other", heard.append)
            other.emit("news", "older than the listener")
            settle(events)
            events.on("news", heard.append)
            other.emit("news", "new")
            settle(events)
        assert heard == ["new"]

    @each_kind
    def test_everybody_hears(self, target: Store, durable: bool) -> None:
        """All listeners of the event hear it, on all emitters of that name, and no others do."""
        heard: list[Any] = []
        with (
            emitter(target, durable=durable) as one,
            emitter(target, durable=durable) as two,
            emitter(target, "others", durable=durable) as strange,
        ):
            one.on("news", lambda payload: heard.append(("one", payload)))
            one.on("news", lambda payload: heard.append(("one again", payload)))
            one.on("new", lambda payload: heard.append(("shorter", payload)))
            two.on("news", lambda payload: heard.append(("two", payload)))
            strange.on("news", lambda payload: heard.append(("strange", payload)))
            two.emit("news", 1)
            for each in (one, two, strange):
                settle(each)
        assert sorted(heard) == [("one", 1), ("one again", 1), ("two", 1)]

    @each_kind
    def test_order(self, target: Store, durable: bool) -> None:
        """A listener hears one caller's messages in order, each once."""
        heard: list[Any] = []
        with (
            emitter(target, durable=durable) as events,
            emitter(target, durable=durable) as other,
        ):
            events.on("count", heard.append)
            for number in range(300):
                other.emit("count", number)
            eventually(lambda: len(heard) >= 300)
        assert heard == list(range(300))

    @each_kind
    def test_emitting_at_once(self, target: Store, durable: bool) -> None:
        """Listeners hear all that many callers emit at the same time, each message once."""
        heard: list[Any] = []
        with emitter(target, durable=durable) as events:

            def send(caller: int) -> None:
                for number in range(25):
                    events.emit("count", [caller, number])

            events.on("count", heard.append)
            concurrently(send, [(caller,) for caller in range(8)])
            eventually(lambda: len(heard) >= 200)
            settle(events)
        assert sorted(heard) == [[caller, number] for caller in range(8) for number in range(25)]
        for caller in range(8):
            assert [n for c, n in heard if c == caller] == list(range(25))

    @each_kind
    def test_patterns(self, target: Store, durable: bool) -> None:
        """A pattern's listener gets payload and event; `*` stands for anything, or nothing."""
        heard: dict[str, list[Any]] = {p: [] for p in ("user.*", "*", "*.made", "u*r.m*e", "a**")}
        with emitter(target, durable=durable) as events:
            for pattern, found in heard.items():
                events.on(
                    pattern, lambda payload, event, found=found: found.append((event, payload))
                )
            emitted = ["user.made", "user.", "user", "order.made", "use.made", "a"]
            for event in emitted:
                events.emit(event, len(event))
            settle(events)
            eventually(lambda: len(heard["*"]) == len(emitted) + 1)
        assert [event for event, _ in heard["*"]] == [*emitted, END]
        assert heard["user.*"] == [("user.made", 9), ("user.", 5)]
        assert [event for event, _ in heard["*.made"]] == ["user.made", "order.made", "use.made"]
        assert [event for event, _ in heard["u*r.m*e"]] == ["user.made"]
        assert [event for event, _ in heard["a**"]] == ["a"]

    @each_kind
    def test_only_the_star_is_special(self, target: Store, durable: bool) -> None:
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
        with emitter(target, durable=durable) as events:
            for event in literal:
                events.on(f"{event}*", lambda _, event: heard.append(event))
            for event in ["ab", "ac", "abc", "a", "b", "aa", "axc", "az"]:
                events.emit(event)
            for event in literal:
                events.emit(event)
            settle(events)
            eventually(lambda: len(heard) >= len(literal))
        assert heard == literal

    @each_kind
    def test_own_events_match_no_pattern(self, target: Store, durable: bool) -> None:
        """A listener of `*` does not get the emitter's own events."""
        heard: list[Any] = []
        with emitter(target, durable=durable) as events:
            events.on("*", lambda payload, event: heard.append(event))
            events.on("news", lambda payload: 1 / 0)
            events.on("error", lambda error: None)
            events.emit("news")
            settle(events)
            eventually(lambda: len(heard) >= 2)
        assert heard == ["news", END]

    @each_kind
    def test_hostile_events(self, target: Store, durable: bool) -> None:
        """Any string without a star is an event, and reaches only its own listeners."""
        heard: list[Any] = []
        by_pattern: list[Any] = []
        with emitter(target, durable=durable) as events:
            for event in EVENTS:
                events.on(event, lambda payload, event=event: heard.append((event, payload)))
            events.on("*", lambda payload, event: by_pattern.append((event, payload)))
            for number, event in enumerate(EVENTS):
                events.emit(event, number)
            settle(events)
            eventually(lambda: len(heard) >= len(EVENTS) and len(by_pattern) > len(EVENTS))
        assert sorted(heard, key=lambda each: each[1]) == [(e, n) for n, e in enumerate(EVENTS)]
        assert by_pattern[:-1] == [(event, number) for number, event in enumerate(EVENTS)]

    @each_kind
    def test_hostile_names(self, target: Store, durable: bool) -> None:
        """Emitters of different names share no messages, also none of patterns."""
        for name in HOSTILE:
            heard: list[Any] = []
            with (
                emitter(target, name, durable=durable) as events,
                emitter(target, f"{name}x", durable=durable) as other,
                emitter(target, "*", durable=durable) as star,
            ):
                events.on("*", lambda payload, event, heard=heard: heard.append(payload))
                other.emit("news", "other")
                if name != "*":
                    star.emit("news", "star")
                events.emit("news", name)
                eventually(heard.__len__)
            assert heard == [name]

    @each_kind
    def test_leaving_and_joining_again(self, target: Store, durable: bool) -> None:
        """After any number of `off` and `on`, an emit after the last `on` is heard."""
        heard: list[Any] = []
        with (
            emitter(target, durable=durable) as events,
            emitter(target, durable=durable) as other,
        ):
            for turn in range(30):
                events.on("news", heard.append)
                other.emit("news", turn)
                eventually(partial(heard.__contains__, turn))
                events.off("news")
        assert heard == list(range(30))

    @each_kind
    def test_joining_at_once(self, target: Store, durable: bool) -> None:
        """Many callers that listen to the same event at the same time all hear what follows."""
        heard: list[Any] = []
        with emitter(target, durable=durable) as events:

            def join(caller: int) -> None:
                events.on("news", lambda _, caller=caller: heard.append(caller))
                events.on(f"own-{caller}", heard.append)

            concurrently(join, [(caller,) for caller in range(8)])
            events.emit("news")
            for caller in range(8):
                events.emit(f"own-{caller}", -caller)
            eventually(lambda: len(heard) >= 16)
        assert sorted(heard) == sorted([*range(8), *(-caller for caller in range(8))])
