"""Where a collection's database is, even when its server moves to another URL."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from datapatterns.couch.database._async.database import AsyncDatabase
from datapatterns.couch.http._async.client import AsyncCouchClient, async_client_of
from datapatterns.couch.http._async.streaming import AsyncConnection
from datapatterns.couch.http.drivers import AsyncHttpClient
from datapatterns.couch.http.paths import check_database, database_path
from datapatterns.errors import DataError, Unavailable


class AsyncLocator:
    """Locates a database on a given server, or on the server whose URL a function returns.

    The function is called again for each connection.
    """

    def __init__(
        self,
        client: AsyncCouchClient | AsyncHttpClient | Callable[[], str],
        name: str,
        *,
        may_create: bool,
    ) -> None:
        self.name = check_database(name)
        self.path = database_path(name)
        self.instance = ""  # when the database was created, as far as known
        self.may_create = may_create  # if absent; False once the database has been seen
        self._client: AsyncCouchClient | Callable[[], str] = (
            client if callable(client) else async_client_of(client)
        )

    @asynccontextmanager
    async def database(self) -> AsyncGenerator[AsyncDatabase, None]:
        """Yield the database, for a few requests."""
        if isinstance(self._client, AsyncCouchClient):
            yield AsyncDatabase(self._client, self.name)
            return
        async with _client_at(self._client) as couch:
            yield AsyncDatabase(couch, self.name)

    def connection(self) -> AsyncConnection:
        """Return a new connection to the server."""
        if not isinstance(self._client, AsyncCouchClient):
            return AsyncConnection(_client_at(self._client).http)
        if self._client.stream_client is not None:
            return AsyncConnection(self._client.stream_client, lent=True)
        return AsyncConnection(self._client.streaming())


def _client_at(url: Callable[[], str]) -> AsyncCouchClient:
    """Return a client for the URL that the function returns; raise Unavailable if it fails."""
    try:
        return AsyncCouchClient(url())
    except DataError:
        raise
    except Exception as error:  # a lookup may raise anything, and may succeed the next time
        raise Unavailable("the function that returns the server's URL failed") from error
