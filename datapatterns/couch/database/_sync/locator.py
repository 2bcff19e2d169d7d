# Generated from datapatterns/couch/database/_async/locator.py by scripts/unasync.py; do not edit.
"""Where a collection's database is, even when its server moves to another URL."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

from datapatterns.couch.database._sync.database import Database
from datapatterns.couch.http._sync.client import CouchClient, client_of
from datapatterns.couch.http._sync.streaming import Connection
from datapatterns.couch.http.drivers import HttpClient
from datapatterns.couch.http.paths import check_database, database_path
from datapatterns.errors import DataError, Unavailable


class Locator:
    """Locates a database on a given server, or on the server whose URL a function returns.

    The function is called again for each connection.
    """

    def __init__(
        self,
        client: CouchClient | HttpClient | Callable[[], str],
        name: str,
        *,
        may_create: bool,
    ) -> None:
        self.name = check_database(name)
        self.path = database_path(name)
        self.instance = ""  # when the database was created, as far as known
        self.may_create = may_create  # if absent; False once the database has been seen
        self._client: CouchClient | Callable[[], str] = (
            client if callable(client) else client_of(client)
        )

    @contextmanager
    def database(self) -> Generator[Database, None]:
        """Yield the database, for a few requests."""
        if isinstance(self._client, CouchClient):
            yield Database(self._client, self.name)
            return
        with _client_at(self._client) as couch:
            yield Database(couch, self.name)

    def connection(self) -> Connection:
        """Return a new connection to the server."""
        if not isinstance(self._client, CouchClient):
            return Connection(_client_at(self._client).http)
        if self._client.stream_client is not None:
            return Connection(self._client.stream_client, lent=True)
        return Connection(self._client.streaming())


def _client_at(url: Callable[[], str]) -> CouchClient:
    """Return a client for the URL that the function returns; raise Unavailable if it fails."""
    try:
        return CouchClient(url())
    except DataError:
        raise
    except Exception as error:  # a lookup may raise anything, and may succeed the next time
        raise Unavailable("the function that returns the server's URL failed") from error
