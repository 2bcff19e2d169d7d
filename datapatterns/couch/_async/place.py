"""Where a collection is, also when it moves."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from datapatterns.couch._async.couch import AsyncCouch, async_couch_of
from datapatterns.couch._async.database import AsyncDatabase
from datapatterns.couch._async.streaming import AsyncLine
from datapatterns.couch.drivers import AsyncHttpClient
from datapatterns.couch.paths import check_database, database_path
from datapatterns.errors import DataError, Unavailable


class AsyncPlace:
    """A database on a server, or on the server whose URL a function gives each time anew."""

    def __init__(self, client: AsyncCouch | AsyncHttpClient | Callable[[], str], name: str) -> None:
        self.name = check_database(name)
        self.path = database_path(name)
        self.instance = ""  # when the database was made, as far as known
        self._client: AsyncCouch | Callable[[], str] = (
            client if callable(client) else async_couch_of(client)
        )

    @asynccontextmanager
    async def database(self) -> AsyncGenerator[AsyncDatabase, None]:
        """Give the database, for a request or two."""
        if isinstance(self._client, AsyncCouch):
            yield self._client.database(self.name)
            return
        async with _found(self._client) as couch:
            yield couch.database(self.name)

    def line(self) -> AsyncLine:
        """Return a fresh line to the server."""
        if not isinstance(self._client, AsyncCouch):
            return AsyncLine(_found(self._client).client)
        if self._client.stream_client is not None:
            return AsyncLine(self._client.stream_client, lent=True)
        return AsyncLine(self._client.streaming())


def _found(url: Callable[[], str]) -> AsyncCouch:
    try:
        return AsyncCouch(url())
    except DataError:
        raise
    except Exception as error:  # whatever a lookup may raise: the next one may do
        raise Unavailable("the function that gives the server's URL failed") from error
