"""The async contracts, a file a pattern; `_sync` beside it is generated."""

from datapatterns.contracts._async.calendar_counter import AsyncCalendarCounter
from datapatterns.contracts._async.changes import (
    AsyncChangesFeed,
    AsyncChangesWorker,
    AsyncCheckpoints,
    AsyncGraveyard,
    AsyncWorkerFeed,
)
from datapatterns.contracts._async.concurrency_limiter import AsyncConcurrencyLimiter, AsyncLease
from datapatterns.contracts._async.counter import AsyncCounter
from datapatterns.contracts._async.emitter import AsyncEmitter
from datapatterns.contracts._async.groups import AsyncGroups
from datapatterns.contracts._async.leaderboard import AsyncLeaderboard
from datapatterns.contracts._async.rate_limiter import AsyncRateLimiter
from datapatterns.contracts._async.repository import AsyncRepository
from datapatterns.contracts._async.transfer import AsyncTransfer
from datapatterns.contracts._async.work_queue import AsyncDelivery, AsyncWorker, AsyncWorkQueue

__all__ = [
    "AsyncCalendarCounter",
    "AsyncChangesFeed",
    "AsyncChangesWorker",
    "AsyncCheckpoints",
    "AsyncConcurrencyLimiter",
    "AsyncCounter",
    "AsyncDelivery",
    "AsyncEmitter",
    "AsyncGraveyard",
    "AsyncGroups",
    "AsyncLeaderboard",
    "AsyncLease",
    "AsyncRateLimiter",
    "AsyncRepository",
    "AsyncTransfer",
    "AsyncWorkQueue",
    "AsyncWorker",
    "AsyncWorkerFeed",
]
