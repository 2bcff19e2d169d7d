"""CouchDB for the store: what a `couch+http://` URL opens, in both faces."""

from datapatterns.couch._async.backend import AsyncBackend
from datapatterns.couch._sync.backend import Backend

__all__ = ["AsyncBackend", "Backend"]
