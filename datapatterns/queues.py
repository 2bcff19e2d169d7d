"""What a work queue tells about itself: plain values, the same on every backend."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class QueueStats:
    """How many items are where; `requeued` counts those taken back from lost holders, ever."""

    ready: int
    delayed: int
    leased: int
    dead: int
    requeued: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An item given up: after how many attempts, when (UTC), and why."""

    id: str
    item: Any
    attempts: int
    error: str
    pushed_at: datetime
    died_at: datetime


@dataclass(frozen=True, slots=True)
class WorkSummary:
    """What a worker did in one run: deliveries acked, retried, buried, and released at the end."""

    acked: int = 0
    retried: int = 0
    buried: int = 0
    released: int = 0
    lost: int = 0
