"""LevelDB: the embedded default. Needs the extra `datapatterns[level]`."""

from datapatterns.level.async_level import AsyncLevel
from datapatterns.level.batch import AsyncBatch, Batch
from datapatterns.level.calendar_counter import AsyncCalendarCounter, CalendarCounter
from datapatterns.level.changes import AsyncChangesFeed, ChangesFeed
from datapatterns.level.concurrency_limiter import AsyncConcurrencyLimiter, ConcurrencyLimiter
from datapatterns.level.counter import AsyncCounter, Counter
from datapatterns.level.emitter import AsyncEmitter, Emitter
from datapatterns.level.entries import Snapshot
from datapatterns.level.groups import AsyncGroups, Groups
from datapatterns.level.hooks import HookBatch, Hooks, Operation
from datapatterns.level.leaderboard import AsyncLeaderboard, Leaderboard
from datapatterns.level.level import Level
from datapatterns.level.rate_limiter import AsyncRateLimiter, RateLimiter
from datapatterns.level.recovery import Report
from datapatterns.level.repository import AsyncRepository, Repository
from datapatterns.level.work_queue import AsyncWorkQueue, WorkQueue

__all__ = [
    "AsyncBatch",
    "AsyncCalendarCounter",
    "AsyncChangesFeed",
    "AsyncConcurrencyLimiter",
    "AsyncCounter",
    "AsyncEmitter",
    "AsyncGroups",
    "AsyncLeaderboard",
    "AsyncLevel",
    "AsyncRateLimiter",
    "AsyncRepository",
    "AsyncWorkQueue",
    "Batch",
    "CalendarCounter",
    "ChangesFeed",
    "ConcurrencyLimiter",
    "Counter",
    "Emitter",
    "Groups",
    "HookBatch",
    "Hooks",
    "Leaderboard",
    "Level",
    "Operation",
    "RateLimiter",
    "Report",
    "Repository",
    "Snapshot",
    "WorkQueue",
]
