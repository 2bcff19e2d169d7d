# Generated from datapatterns/testing/conformance/_async/payloads.py by scripts/unasync.py; do not edit.
"""The tests of what an emitter promises of payloads: what goes in comes out, or is refused."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic_core import to_json

from datapatterns import Store
from datapatterns.testing.conformance._sync.listeners import END, each_kind, emitter, settle
from datapatterns.testing.conformance._sync.queue_items import (
    KEPT,
    LOST,
    NOT_JSON,
    assert_invalid,
)
from datapatterns.testing.conformance.samples import AS_JSON
from datapatterns.testing.waiting import eventually


class Order(BaseModel):
    """A payload that is a model."""

    number: int
    note: str | None = None


class Payloads:
    """The part of `TestEmitter` that is about payloads."""

    @each_kind
    def test_payloads(self, target: Store, durable: bool) -> None:
        """JSON values arrive unchanged, and a missing payload arrives as None."""
        payloads: list[Any] = [
            0,
            -1.5,
            "",
            "caf\u00e9 \x00",
            True,
            [],
            {},
            {"a": [1, {"b": None}]},
            None,
        ]
        heard: list[Any] = []
        with emitter(target, durable=durable) as events:
            events.on("news", heard.append)
            for payload in payloads:
                events.emit("news", payload)
            events.emit("news")
            eventually(lambda: len(heard) == len(payloads) + 1)
        assert heard == [*payloads, None]

    def test_a_model_is_a_payload(self, target: Store) -> None:
        """A pydantic model arrives as the JSON object that it is."""
        heard: list[Any] = []
        with emitter(target) as events:
            events.on("order", heard.append)
            events.emit("order", Order(number=7))
            eventually(lambda: heard)
        assert heard == [{"number": 7, "note": None}]

    @each_kind
    def test_what_json_has_no_type_for(self, target: Store, durable: bool) -> None:
        """Dates, numbers, ids, paths and tuples arrive as strings and lists."""
        heard: list[Any] = []
        with emitter(target, durable=durable) as events:
            events.on("news", heard.append)
            for payload, _ in AS_JSON:
                events.emit("news", payload)
            settle(events)
            eventually(lambda: len(heard) >= len(AS_JSON))
        assert heard == [plain for _, plain in AS_JSON]

    @each_kind
    def test_a_model_can_be_validated_again(self, target: Store, durable: bool) -> None:
        """An instance arrives as a JSON value from which its class makes an equal instance."""
        items = [model.model_validate(fields) for model, fields in KEPT]
        heard: list[Any] = []
        with emitter(target, durable=durable) as events:
            events.on("news", heard.append)
            for item in items:
                events.emit("news", item)
            events.emit("news", {"several": items})
            eventually(lambda: len(heard) > len(items))
        for payloads in (heard[:-1], heard[-1]["several"]):
            read = [
                type(item).model_validate_json(to_json(payload))
                for item, payload in zip(items, payloads, strict=True)
            ]
            assert read == items

    def test_what_would_be_lost_is_refused(self, target: Store) -> None:
        """NaN, secrets, and models that would be read as others are InvalidData with the place."""
        heard: list[Any] = []
        with emitter(target) as events:
            events.on("*", lambda payload, event: heard.append(event))

            def emit(payload: Any) -> None:
                events.emit("news", payload)

            for payload, places in NOT_JSON:
                assert_invalid(emit, payload, places)
            for model, payload, places in LOST:
                if type(payload) is model:
                    assert_invalid(emit, payload, places)
            settle(events)
            eventually(lambda: heard)
        assert heard == [END]
