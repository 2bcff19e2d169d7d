# Generated from datapatterns/contracts/_async/__init__.py by scripts/unasync.py; do not edit.
"""The async contracts, a file a pattern; `_sync` beside it is generated."""

from datapatterns.contracts._sync.calendar_counter import CalendarCounter
from datapatterns.contracts._sync.changes import (
    ChangesFeed,
    ChangesWorker,
    Checkpoints,
    Graveyard,
    WorkerFeed,
)
from datapatterns.contracts._sync.concurrency_limiter import ConcurrencyLimiter, Lease
from datapatterns.contracts._sync.counter import Counter
from datapatterns.contracts._sync.emitter import Emitter
from datapatterns.contracts._sync.groups import Groups
from datapatterns.contracts._sync.leaderboard import Leaderboard
from datapatterns.contracts._sync.rate_limiter import RateLimiter
from datapatterns.contracts._sync.repository import Repository
from datapatterns.contracts._sync.transfer import Transfer
from datapatterns.contracts._sync.work_queue import Delivery, Worker, WorkQueue

__all__ = [
    "CalendarCounter",
    "ChangesFeed",
    "ChangesWorker",
    "Checkpoints",
    "ConcurrencyLimiter",
    "Counter",
    "Delivery",
    "Emitter",
    "Graveyard",
    "Groups",
    "Leaderboard",
    "Lease",
    "RateLimiter",
    "Repository",
    "Transfer",
    "WorkQueue",
    "Worker",
    "WorkerFeed",
]
