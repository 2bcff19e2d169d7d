# Generated from datapatterns/couch/_async/backend.py by scripts/unasync.py; do not edit.
"""CouchDB for the store: what its URL opens, and which class is which pattern there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from datapatterns.capabilities import COUCH, Pattern
from datapatterns.couch._sync.changes import ChangesFeed
from datapatterns.couch._sync.repository import Repository
from datapatterns.couch._sync.transfer import Transfer
from datapatterns.couch.database._sync.couch import Couch
from datapatterns.couch.http.paths import database_name


class Backend:
    """A server; each collection is a database, named after the namespace and the collection."""

    capabilities = COUCH
    patterns: ClassVar[Mapping[Pattern, Callable[..., Any]]] = {
        "repository": Repository,
        "changes": ChangesFeed,
    }

    def __init__(self, url: str, namespace: str = "") -> None:
        self._url, self._namespace = url, namespace
        database_name(namespace, "check")
        self.couch = Couch(url)

    def open(self) -> None:
        """Replace a client that was closed; any other connects by itself."""
        if self.couch.http.is_closed:
            self.couch = Couch(self._url)

    def make(self, pattern: Pattern, name: str, options: Mapping[str, Any]) -> Any:
        """Return the pattern of that name."""
        database = database_name(self._namespace, name)
        return self.patterns[pattern](self.couch, database, **options)

    def transfer(self) -> Transfer:
        """Return the reader and writer of the documents of all collections."""
        return Transfer(self.couch, namespace=self._namespace)

    def ping(self) -> None:
        """Return if a CouchDB answers, else raise."""
        self.couch.ping()

    def close(self) -> None:
        """Close the client."""
        self.couch.close()
