"""LevelDB: the embedded default. Needs the extra `datapatterns[level]`."""

from datapatterns.core.codecs import Codec, NamedCodec
from datapatterns.core.tuples import pack, unpack
from datapatterns.level._async.calendar_counter import AsyncCalendarCounter
from datapatterns.level._async.changes import AsyncChangesFeed
from datapatterns.level._async.concurrency_limiter import AsyncConcurrencyLimiter
from datapatterns.level._async.counter import AsyncCounter
from datapatterns.level._async.emitter import AsyncEmitter
from datapatterns.level._async.groups import AsyncGroups
from datapatterns.level._async.leaderboard import AsyncLeaderboard
from datapatterns.level._async.level import AsyncLevel
from datapatterns.level._async.rate_limiter import AsyncRateLimiter
from datapatterns.level._async.repository import AsyncRepository
from datapatterns.level._async.work_queue import AsyncWorkQueue
from datapatterns.level._sync.calendar_counter import CalendarCounter
from datapatterns.level._sync.changes import ChangesFeed
from datapatterns.level._sync.concurrency_limiter import ConcurrencyLimiter
from datapatterns.level._sync.counter import Counter
from datapatterns.level._sync.emitter import Emitter
from datapatterns.level._sync.groups import Groups
from datapatterns.level._sync.leaderboard import Leaderboard
from datapatterns.level._sync.rate_limiter import RateLimiter
from datapatterns.level._sync.repository import Repository
from datapatterns.level._sync.work_queue import WorkQueue
from datapatterns.level.engine.batch import AsyncBatch, Batch
from datapatterns.level.engine.hooks import HookBatch, Hooks, Operation
from datapatterns.level.engine.iterators import Snapshot
from datapatterns.level.engine.level import Level
from datapatterns.level.repair.recovery import Report

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
    "Codec",
    "ConcurrencyLimiter",
    "Counter",
    "Emitter",
    "Groups",
    "HookBatch",
    "Hooks",
    "Leaderboard",
    "Level",
    "NamedCodec",
    "Operation",
    "RateLimiter",
    "Report",
    "Repository",
    "Snapshot",
    "WorkQueue",
    "pack",
    "unpack",
]
