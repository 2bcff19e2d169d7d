"""Metrics of the patterns, through OpenTelemetry's API if it is installed.

Without the API nothing is recorded. The application's OpenTelemetry SDK decides where the figures
go; without an SDK the API discards them. The instruments, named by OpenTelemetry's conventions:

- `datapatterns.queue.wait`, a histogram in seconds: from the push of an item to its first delivery,
  the delay it was pushed with included.
- `datapatterns.queue.attempts`, a histogram: the attempt at which a delivery was settled, with the
  attribute `datapatterns.outcome` (ack, retry, bury, lost).
- `datapatterns.limiter.decisions`, a counter: hits, with the attributes `datapatterns.limiter` and
  `datapatterns.outcome` (allowed, refused, degraded). Peeks are not counted.
- `datapatterns.feed.lag`, a gauge: how many changes a worker, the attribute `datapatterns.worker`,
  is behind; measured at most every ten seconds.

The attribute `messaging.destination.name` is the name of a queue. Subjects, ids and items are never
attributes.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from datapatterns.core.decisions import Decision

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter

LAG_EVERY = 10.0  # seconds between two measurements of a feed's lag

_WAITS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600, 21600]
_ATTEMPTS = [1, 2, 3, 4, 5, 7, 10, 15, 25]
_SETTLED = frozenset(
    {"ack", "retry", "bury", "lost"}
)  # not `release`, which does not count an attempt


class _Instruments:
    """The instruments of one meter."""

    def __init__(self, meter: Meter) -> None:
        self.waits = meter.create_histogram(
            "datapatterns.queue.wait",
            unit="s",
            description="Time from the push of an item to its first delivery",
            explicit_bucket_boundaries_advisory=_WAITS,
        )
        self.attempts = meter.create_histogram(
            "datapatterns.queue.attempts",
            unit="{attempt}",
            description="The attempt at which a delivery was settled",
            explicit_bucket_boundaries_advisory=_ATTEMPTS,
        )
        self.decisions = meter.create_counter(
            "datapatterns.limiter.decisions",
            unit="{decision}",
            description="Decisions of a rate limiter",
        )
        self.lag = meter.create_gauge(
            "datapatterns.feed.lag",
            unit="{change}",
            description="How many changes a worker is behind",
        )


def _instruments() -> _Instruments | None:
    try:
        from opentelemetry import metrics

        return _Instruments(metrics.get_meter("datapatterns"))
    except (ImportError, AttributeError, TypeError):  # not installed, or an older version
        return None


_OURS = _instruments()
ON = _OURS is not None  # whether these functions record anything


def delivered(queue: str, attempt: int, pushed: int) -> None:
    """Record that an item was handed out; `pushed` is in microseconds since 1970."""
    if _OURS is not None and attempt == 1:
        wait = max(0.0, time.time() - pushed / 1_000_000)  # the clocks of two machines may differ
        _OURS.waits.record(wait, _of_queue(queue, "receive"))


def settled(queue: str, attempt: int, outcome: str) -> None:
    """Record that a delivery was settled by this verb, or was lost."""
    if _OURS is not None and outcome in _SETTLED:
        attributes = {**_of_queue(queue, "settle"), "datapatterns.outcome": outcome}
        _OURS.attempts.record(attempt, attributes)


def _of_queue(name: str, operation: str) -> dict[str, Any]:
    return {
        "messaging.system": "datapatterns",
        "messaging.destination.name": name,
        "messaging.operation.type": operation,
    }


def decided(decision: Decision) -> Decision:
    """Record the decision of a hit, and return it unchanged."""
    if _OURS is not None:
        allowed = "allowed" if decision.allowed else "refused"
        outcome = "degraded" if decision.degraded else allowed
        attributes = {"datapatterns.limiter": decision.name, "datapatterns.outcome": outcome}
        _OURS.decisions.add(1, attributes)
    return decision


def behind(worker: str, changes: int) -> None:
    """Record how many changes a changes worker is behind."""
    if _OURS is not None:
        _OURS.lag.set(changes, {"datapatterns.worker": worker})
