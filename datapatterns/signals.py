"""What the patterns tell of themselves, through OpenTelemetry's API where it is installed.

Without it nothing happens, and with the API alone next to nothing: where the figures go is for the
application's OpenTelemetry SDK to say. The instruments, by OpenTelemetry's conventions:

- `datapatterns.queue.wait`, a histogram in seconds: from the push of an item to its first delivery,
  the delay it was pushed with included.
- `datapatterns.queue.attempts`, a histogram: at which attempt a delivery was settled, and how
  (`datapatterns.outcome`: ack, retry, bury, lost).
- `datapatterns.limiter.decisions`, a counter: hits on `datapatterns.limiter`, by outcome (allowed,
  refused, degraded). Peeks count nothing.
- `datapatterns.feed.lag`, a gauge: how many changes `datapatterns.worker` is behind, looked up at
  most every ten seconds.

Of a queue `messaging.destination.name` is the name. Subjects, ids and items are no attributes.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from datapatterns.decisions import Decision

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter

LAG_EVERY = 10.0  # seconds between two looks at a feed's lag

_WAITS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600, 21600]
_ATTEMPTS = [1, 2, 3, 4, 5, 7, 10, 15, 25]
_SETTLED = frozenset({"ack", "retry", "bury", "lost"})  # and not `release`, which counts nothing


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
    except (ImportError, AttributeError, TypeError):  # there is none, or it is an older one
        return None


_OURS = _instruments()
ON = _OURS is not None  # whether anything comes of these calls


def delivered(queue: str, attempt: int, pushed: int) -> None:
    """An item was handed out that was pushed so many microseconds after 1970."""
    if _OURS is not None and attempt == 1:
        wait = max(0.0, time.time() - pushed / 1_000_000)  # the clocks of two machines may differ
        _OURS.waits.record(wait, _of_queue(queue, "receive"))


def settled(queue: str, attempt: int, outcome: str) -> None:
    """A delivery was settled in that way, or was lost."""
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
    """The decision as it came; a rate limiter was hit."""
    if _OURS is not None:
        allowed = "allowed" if decision.allowed else "refused"
        outcome = "degraded" if decision.degraded else allowed
        attributes = {"datapatterns.limiter": decision.name, "datapatterns.outcome": outcome}
        _OURS.decisions.add(1, attributes)
    return decision


def behind(worker: str, changes: int) -> None:
    """A changes worker is so many changes behind."""
    if _OURS is not None:
        _OURS.lag.set(changes, {"datapatterns.worker": worker})
