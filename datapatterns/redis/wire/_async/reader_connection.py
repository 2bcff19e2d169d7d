"""The connection of an emitter's reader: one task reads it, any task may send over it.

# unasync: by hand

`datapatterns/redis/wire/_sync/reader_connection.py` has the same names on threads. The connection
speaks RESP2 and gives bytes, whatever the lent client speaks: so messages are plain arrays in every
version of redis-py.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, Self

from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from datapatterns.redis.wire._async.pools import AsyncRedisClient, learn, own_connection
from datapatterns.redis.wire.errors import DRIVER_ERRORS, redis_errors

_CONNECT = 5.0  # seconds: the longest that connecting may take


class AsyncReaderConnection:
    """An open connection: one task calls `receive` or `ask`, any task may call `post`."""

    def __init__(self, connection: Any, timeout: float) -> None:
        self._connection = connection
        # With a socket timeout, redis-py sends each command in a task of its own, and that task
        # goes on after a disconnect.
        connection.socket_timeout = None
        self._timeout = timeout
        self._sending = asyncio.Lock()  # commands leave in the order in which they were posted
        self._posts: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(
        cls, client: AsyncRedisClient, key: bytes, *, timeout: float, anew: bool = False
    ) -> Self:
        """Connect, without retries, to the server that has the key.

        With `anew`, the client of a cluster first asks the cluster again which server that is.
        """
        with redis_errors():
            if anew:
                await learn(client)
            connection = await own_connection(
                client, key, timeout=timeout, protocol=2, decode_responses=False
            )
            # The reader connects again itself, and can be stopped between two attempts.
            connection.retry = Retry(NoBackoff(), 0)
            connection.health_check_interval = 0
            connection.socket_connect_timeout = min(
                connection.socket_connect_timeout or _CONNECT, _CONNECT
            )
            try:
                await connection.connect()
            except BaseException:
                await connection.disconnect(nowait=True)
                raise
        return cls(connection, timeout)

    def post(self, *command: bytes | str | int) -> None:
        """Send a command in the background; the reader receives its reply.

        Nothing is raised here when the connection is lost: the reader finds out.
        """
        task = asyncio.create_task(self._send(command), name="datapatterns-post")
        self._posts.add(task)
        task.add_done_callback(self._posts.discard)

    async def _send(self, command: tuple[bytes | str | int, ...]) -> None:
        async with self._sending:
            with suppress(*DRIVER_ERRORS, OSError):
                if self._connection.is_connected:  # else redis-py would connect it again
                    await self._connection.send_command(*command)

    async def receive(self, timeout: float) -> Any:
        """Return what the server sends next, or None if nothing arrives within the timeout."""
        with redis_errors():
            return await self._connection.read_response(disable_decoding=True, timeout=timeout)

    async def ask(self, *command: bytes | str | int) -> Any:
        """Send a command and return its reply; nothing may be posted meanwhile."""
        with redis_errors():
            async with asyncio.timeout(self._timeout):
                await self._connection.send_command(*command)
                return await self._connection.read_response(disable_decoding=True)

    def stop(self) -> None:
        """Do nothing: on asyncio the reader is stopped by cancelling its task."""

    async def close(self) -> None:
        """Disconnect."""
        for task in self._posts:
            task.cancel()
        await asyncio.gather(*self._posts, return_exceptions=True)
        with suppress(*DRIVER_ERRORS, OSError):
            await self._connection.disconnect(nowait=True)
