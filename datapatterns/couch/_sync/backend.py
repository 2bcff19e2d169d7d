# Generated from datapatterns/couch/_async/backend.py by scripts/unasync.py; do not edit.
"""CouchDB for the store: the backend that its URL opens, and the class of each pattern."""

from __future__ import annotations

from typing import Any

from datapatterns.capabilities import COUCH, Pattern
from datapatterns.couch._sync.changes import ChangesFeed
from datapatterns.couch._sync.couch import Couch
from datapatterns.couch._sync.repository import Repository
from datapatterns.couch._sync.transfer import Transfer
from datapatterns.couch.paths import database_name
from datapatterns.kits import build

PATTERNS: dict[Pattern, Any] = {"repository": Repository, "changes": ChangesFeed}


class Backend:
    """A server; each collection is a database, named after the namespace and the collection."""

    capabilities = COUCH

    def __init__(self, url: str, namespace: str = "") -> None:
        self._url, self._namespace = url, namespace
        database_name(namespace, "check")
        self.couch = Couch(url)

    def open(self) -> None:
        """Replace a client that was closed; connecting needs no call."""
        if self.couch.http.is_closed:
            self.couch = Couch(self._url)

    def make(self, pattern: Pattern, name: str, *arguments: Any, **options: Any) -> Any:
        """Return the pattern of that name; raise InvalidArgument for an option that it lacks."""
        kind, database = PATTERNS[pattern], database_name(self._namespace, name)
        return build("couch", pattern, kind, self.couch, database, *arguments, options=options)

    def transfer(self) -> Transfer:
        """Return what reads and adds the documents of all collections."""
        return Transfer(self.couch, namespace=self._namespace)

    def ping(self) -> None:
        """Return if a CouchDB answers, else raise."""
        self.couch.ping()

    def close(self) -> None:
        """Close the client."""
        self.couch.close()
