"""Redis for the store: what a `redis://` URL opens, in both faces."""

from datapatterns.redis._async.backend import AsyncBackend
from datapatterns.redis._sync.backend import Backend

__all__ = ["AsyncBackend", "Backend"]
