# Generated from datapatterns/couch/_async/place.py by scripts/unasync.py; do not edit.
"""Where a collection is, also when it moves."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

from datapatterns.couch._sync.couch import Couch, couch_of
from datapatterns.couch._sync.database import Database
from datapatterns.couch._sync.streaming import Line
from datapatterns.couch.drivers import HttpClient
from datapatterns.couch.paths import check_database, database_path
from datapatterns.errors import DataError, Unavailable


class Place:
    """A database on a server, or on the server whose URL a function gives each time anew."""

    def __init__(self, client: Couch | HttpClient | Callable[[], str], name: str) -> None:
        self.name = check_database(name)
        self.path = database_path(name)
        self.instance = ""  # when the database was made, as far as known
        self._client: Couch | Callable[[], str] = client if callable(client) else couch_of(client)

    @contextmanager
    def database(self) -> Generator[Database, None]:
        """Give the database, for a request or two."""
        if isinstance(self._client, Couch):
            yield self._client.database(self.name)
            return
        with _found(self._client) as couch:
            yield couch.database(self.name)

    def line(self) -> Line:
        """Return a fresh line to the server."""
        if not isinstance(self._client, Couch):
            return Line(_found(self._client).client)
        if self._client.stream_client is not None:
            return Line(self._client.stream_client, lent=True)
        return Line(self._client.streaming())


def _found(url: Callable[[], str]) -> Couch:
    try:
        return Couch(url())
    except DataError:
        raise
    except Exception as error:  # whatever a lookup may raise: the next one may do
        raise Unavailable("the function that gives the server's URL failed") from error
