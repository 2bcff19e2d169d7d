"""The contracts of both faces: the types of what a store makes, for annotations.

A pattern takes a client first, then its own name, then keyword-only options. All of them keep these
rules:

- Names, subjects, ids, events, members and players are non-empty strings that can be encoded as
  UTF-8. Any other value raises InvalidArgument and writes nothing. No name can reach the state of
  another one.
- OutcomeUnknown is the only error after which a call may have changed something. Any other error
  of this library means that nothing was changed.
- If the reply to a call is lost and the call is repeated, the effect of the first one is never
  reported as another caller's.
- A duration is a number of seconds or a `timedelta`. Datetimes are in UTC.
"""

from datapatterns.contracts._async import (
    AsyncCalendarCounter,
    AsyncChangesFeed,
    AsyncChangesWorker,
    AsyncCheckpoints,
    AsyncConcurrencyLimiter,
    AsyncCounter,
    AsyncDelivery,
    AsyncEmitter,
    AsyncGraveyard,
    AsyncGroups,
    AsyncLeaderboard,
    AsyncLease,
    AsyncRateLimiter,
    AsyncRepository,
    AsyncTransfer,
    AsyncWorker,
    AsyncWorkerFeed,
    AsyncWorkQueue,
)
from datapatterns.contracts._sync import (
    CalendarCounter,
    ChangesFeed,
    ChangesWorker,
    Checkpoints,
    ConcurrencyLimiter,
    Counter,
    Delivery,
    Emitter,
    Graveyard,
    Groups,
    Leaderboard,
    Lease,
    RateLimiter,
    Repository,
    Transfer,
    Worker,
    WorkerFeed,
    WorkQueue,
)

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
