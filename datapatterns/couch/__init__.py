"""The patterns on CouchDB 3: databases, views, repositories and changes feeds, sync and async."""

try:
    import httpx2
except ModuleNotFoundError as error:
    if error.name != "httpx2":
        raise
    message = "datapatterns.couch needs httpx2: pip install 'datapatterns[couch]'"
    raise ModuleNotFoundError(message, name="httpx2") from None

from datapatterns.couch._async.couch import AsyncCouch
from datapatterns.couch._async.database import AsyncDatabase
from datapatterns.couch._sync.couch import Couch
from datapatterns.couch._sync.database import Database

__all__ = ["AsyncCouch", "AsyncDatabase", "Couch", "Database"]

del httpx2
