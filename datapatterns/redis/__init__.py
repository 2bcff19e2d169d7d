"""The patterns on Redis and Valkey: one server, Sentinels or a cluster, sync and async."""

try:
    import redis as redis_py
except ModuleNotFoundError as error:
    if error.name != "redis":
        raise
    message = "datapatterns.redis needs redis-py: pip install 'datapatterns[redis]'"
    raise ModuleNotFoundError(message, name="redis") from None

from datapatterns.redis._async.calendar_counter import AsyncCalendarCounter
from datapatterns.redis._async.concurrency_limiter import AsyncConcurrencyLimiter
from datapatterns.redis._async.counter import AsyncCounter
from datapatterns.redis._async.emitter import AsyncEmitter
from datapatterns.redis._async.groups import AsyncGroups
from datapatterns.redis._async.leaderboard import AsyncLeaderboard
from datapatterns.redis._async.rate_limiter import AsyncRateLimiter
from datapatterns.redis._async.repository import AsyncRepository
from datapatterns.redis._async.work_queue import AsyncWorkQueue
from datapatterns.redis._sync.calendar_counter import CalendarCounter
from datapatterns.redis._sync.concurrency_limiter import ConcurrencyLimiter
from datapatterns.redis._sync.counter import Counter
from datapatterns.redis._sync.emitter import Emitter
from datapatterns.redis._sync.groups import Groups
from datapatterns.redis._sync.leaderboard import Leaderboard
from datapatterns.redis._sync.rate_limiter import RateLimiter
from datapatterns.redis._sync.repository import Repository
from datapatterns.redis._sync.work_queue import WorkQueue
from datapatterns.redis.wire._async.scripts import AsyncScripts
from datapatterns.redis.wire._async.transactions import async_transact
from datapatterns.redis.wire._sync.scripts import Scripts
from datapatterns.redis.wire._sync.transactions import transact

DRIVER_VERSION: str = redis_py.__version__

__all__ = [
    "DRIVER_VERSION",
    "AsyncCalendarCounter",
    "AsyncConcurrencyLimiter",
    "AsyncCounter",
    "AsyncEmitter",
    "AsyncGroups",
    "AsyncLeaderboard",
    "AsyncRateLimiter",
    "AsyncRepository",
    "AsyncScripts",
    "AsyncWorkQueue",
    "CalendarCounter",
    "ConcurrencyLimiter",
    "Counter",
    "Emitter",
    "Groups",
    "Leaderboard",
    "RateLimiter",
    "Repository",
    "Scripts",
    "WorkQueue",
    "async_transact",
    "transact",
]
