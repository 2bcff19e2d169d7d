"""CouchDB for the store: what its URL opens, and which class is which pattern there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from datapatterns.capabilities import COUCH, Pattern
from datapatterns.couch._async.changes import AsyncChangesFeed
from datapatterns.couch._async.repository import AsyncRepository
from datapatterns.couch._async.transfer import AsyncTransfer
from datapatterns.couch.database._async.couch import AsyncCouch
from datapatterns.couch.http.paths import database_name


class AsyncBackend:
    """A server; each collection is a database, named after the namespace and the collection."""

    capabilities = COUCH
    patterns: ClassVar[Mapping[Pattern, Callable[..., Any]]] = {
        "repository": AsyncRepository,
        "changes": AsyncChangesFeed,
    }

    def __init__(self, url: str, namespace: str = "") -> None:
        self._url, self._namespace = url, namespace
        database_name(namespace, "check")
        self.couch = AsyncCouch(url)

    async def open(self) -> None:
        """Replace a client that was closed; any other connects by itself."""
        if self.couch.http.is_closed:
            self.couch = AsyncCouch(self._url)

    def make(self, pattern: Pattern, name: str, options: Mapping[str, Any]) -> Any:
        """Return the pattern of that name."""
        database = database_name(self._namespace, name)
        return self.patterns[pattern](self.couch, database, **options)

    def transfer(self) -> AsyncTransfer:
        """Return the reader and writer of the documents of all collections."""
        return AsyncTransfer(self.couch, namespace=self._namespace)

    async def ping(self) -> None:
        """Return if a CouchDB answers, else raise."""
        await self.couch.ping()

    async def close(self) -> None:
        """Close the client."""
        await self.couch.close()
