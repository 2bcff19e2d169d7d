"""The store, and what a backend of your own brings for it."""

from datapatterns.core.checks import check_name, positive_seconds
from datapatterns.core.counter import INT64_MAX, INT64_MIN, check_step
from datapatterns.core.options import DEFAULT, Algorithm, ChangeLog, Default, OnRecreated, Retry
from datapatterns.store._async.store import AsyncBackend, AsyncHasTransfer, AsyncStore
from datapatterns.store._sync.store import Backend, HasTransfer, Store

__all__ = [
    "DEFAULT",
    "INT64_MAX",
    "INT64_MIN",
    "Algorithm",
    "AsyncBackend",
    "AsyncHasTransfer",
    "AsyncStore",
    "Backend",
    "ChangeLog",
    "Default",
    "HasTransfer",
    "OnRecreated",
    "Retry",
    "Store",
    "check_name",
    "check_step",
    "positive_seconds",
]
