"""CouchDB for the store: `Backend` and `AsyncBackend`, and their patterns by name."""

from datapatterns.couch._async.backend import PATTERNS as ASYNC_PATTERNS
from datapatterns.couch._async.backend import AsyncBackend
from datapatterns.couch._sync.backend import PATTERNS, Backend

__all__ = ["ASYNC_PATTERNS", "PATTERNS", "AsyncBackend", "Backend"]
