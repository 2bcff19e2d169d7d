"""What changes feeds of every backend share: the pace, pausing, stopping and events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from typing_extensions import override

from datapatterns import contracts
from datapatterns.core.changes import FeedControl
from datapatterns.core.checks import Duration, positive_seconds

M = TypeVar("M")


class AsyncBaseFeed(contracts.AsyncWorkerFeed[M]):
    """The part of a changes feed that does not depend on the backend.

    A backend brings `follow`, `read`, `now`, `lag`, `checkpoints` and `graveyard`. Its `follow`
    obeys `self._control`, where it registers while it runs, and observes `self._heartbeat` and
    `self._inactivity` (seconds, or None for no bound).
    """

    def __init__(
        self, collection: str, *, inactivity: Duration | None, heartbeat: Duration
    ) -> None:
        self._control = FeedControl(collection)
        self._heartbeat = positive_seconds("heartbeat", heartbeat)
        self._inactivity = (
            None if inactivity is None else positive_seconds("inactivity", inactivity)
        )

    @override
    def pause(self) -> None:
        self._control.pause()

    @override
    def resume(self) -> None:
        self._control.resume()

    @override
    def stop(self) -> None:
        self._control.stop()

    @override
    def on_event(self, fn: Callable[[str, Mapping[str, Any]], Any]) -> None:
        self._control.on_event(fn)
