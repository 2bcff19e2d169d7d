"""Data-access patterns over LevelDB, Redis and CouchDB: one contract each, sync and async.

Importing this package imports no driver: `Store.from_url` loads the backend that its URL names.
"""

from datapatterns.capabilities import BACKENDS, Capabilities
from datapatterns.core.backoff import Backoff
from datapatterns.core.changes import Change, ChangesSummary, DeadChange
from datapatterns.core.checks import Duration
from datapatterns.core.counts import Counts
from datapatterns.core.decisions import Decision
from datapatterns.core.documents import Document, UtcDatetime
from datapatterns.core.emitter import Gap
from datapatterns.core.indexes import Each, Index
from datapatterns.core.leaderboard import Ranked
from datapatterns.core.pages import Page
from datapatterns.core.schema_versions import upgrades
from datapatterns.core.work_queue import DeadLetter, ItemState, QueueStats, WorkSummary
from datapatterns.errors import (
    BadGateway,
    Closed,
    Conflict,
    DataCorrupted,
    DataError,
    DecodeFailed,
    Forbidden,
    HookFailed,
    IndexNotUnique,
    InvalidArgument,
    InvalidData,
    Locked,
    NotFound,
    OutcomeUnknown,
    PreconditionFailed,
    PreconditionRequired,
    TimedOut,
    TooLarge,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    Unsupported,
)
from datapatterns.patterns._async.changes_worker import AsyncChangesWorker
from datapatterns.patterns._async.queue_worker import AsyncWorker
from datapatterns.patterns._sync.changes_worker import ChangesWorker
from datapatterns.patterns._sync.queue_worker import Worker
from datapatterns.patterns.processes import Processes
from datapatterns.store import AsyncStore, Store

__all__ = [
    "BACKENDS",
    "AsyncChangesWorker",
    "AsyncStore",
    "AsyncWorker",
    "Backoff",
    "BadGateway",
    "Capabilities",
    "Change",
    "ChangesSummary",
    "ChangesWorker",
    "Closed",
    "Conflict",
    "Counts",
    "DataCorrupted",
    "DataError",
    "DeadChange",
    "DeadLetter",
    "Decision",
    "DecodeFailed",
    "Document",
    "Duration",
    "Each",
    "Forbidden",
    "Gap",
    "HookFailed",
    "Index",
    "IndexNotUnique",
    "InvalidArgument",
    "InvalidData",
    "ItemState",
    "Locked",
    "NotFound",
    "OutcomeUnknown",
    "Page",
    "PreconditionFailed",
    "PreconditionRequired",
    "Processes",
    "QueueStats",
    "Ranked",
    "Store",
    "TimedOut",
    "TooLarge",
    "TooManyRequests",
    "Unauthorized",
    "Unavailable",
    "Unsupported",
    "UtcDatetime",
    "WorkSummary",
    "Worker",
    "upgrades",
]
