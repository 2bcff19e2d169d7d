"""The patterns on CouchDB 3: databases, views, repositories and changes feeds, sync and async."""

try:
    import httpx2
except ModuleNotFoundError as error:
    if error.name != "httpx2":
        raise
    message = "datapatterns.couch needs httpx2: pip install 'datapatterns[couch]'"
    raise ModuleNotFoundError(message, name="httpx2") from None

from datapatterns.couch._async.changes import AsyncChangesFeed
from datapatterns.couch._async.repository import AsyncRepository
from datapatterns.couch._async.resolver import AsyncConflictResolver
from datapatterns.couch._sync.changes import ChangesFeed
from datapatterns.couch._sync.repository import Repository
from datapatterns.couch._sync.resolver import ConflictResolver
from datapatterns.couch.database._async.couch import AsyncCouch
from datapatterns.couch.database._async.database import AsyncDatabase
from datapatterns.couch.database._sync.couch import Couch
from datapatterns.couch.database._sync.database import Database
from datapatterns.couch.database.designs import DesignDocument, View
from datapatterns.couch.database.queries import Query, Row

__all__ = [
    "AsyncChangesFeed",
    "AsyncConflictResolver",
    "AsyncCouch",
    "AsyncDatabase",
    "AsyncRepository",
    "ChangesFeed",
    "ConflictResolver",
    "Couch",
    "Database",
    "DesignDocument",
    "Query",
    "Repository",
    "Row",
    "View",
]

del httpx2
