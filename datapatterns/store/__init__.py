"""The store, and what a backend of your own brings for it."""

from datapatterns._async.store import AsyncBackend, AsyncHasTransfer, AsyncStore
from datapatterns._sync.store import Backend, HasTransfer, Store
from datapatterns.core.options import DEFAULT, Default

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
