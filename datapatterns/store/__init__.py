"""The store, and what a backend of your own brings for it."""

from datapatterns.core.options import DEFAULT, Default
from datapatterns.store._async.store import AsyncBackend, AsyncHasTransfer, AsyncStore
from datapatterns.store._sync.store import Backend, HasTransfer, Store

__all__ = [
    "DEFAULT",
    "AsyncBackend",
    "AsyncHasTransfer",
    "AsyncStore",
    "Backend",
    "Default",
    "HasTransfer",
    "Store",
]
