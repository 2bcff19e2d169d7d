"""One connection that belongs to a reader, and that others may send over.

# unasync: by hand

`datapatterns/redis/_sync/line.py` has the same names on threads. Whatever the lent client speaks, a
line speaks RESP2 and gives bytes: then messages are plain arrays in every version of the driver.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, Self

from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from datapatterns.redis._async.pools import AsyncRedisClient, learn, own_connection
from datapatterns.redis.errors import DRIVER_ERRORS, redis_errors

_CONNECT = 5.0  # seconds to wait for a connection, at most


class AsyncReaderConnection:
    """An open connection: one task reads, any may post."""

    def __init__(self, connection: Any, timeout: float) -> None:
        self._connection = connection
        # The driver would put each sending into a task of its own, which outlives a disconnection.
        connection.socket_timeout = None
        self._timeout = timeout
        self._turn = asyncio.Lock()  # what is posted leaves in its order
        self._posts: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(
        cls, client: AsyncRedisClient, key: bytes, *, timeout: float, anew: bool = False
    ) -> Self:
        """Connect, once, to the server that has the key; `anew`: ask a cluster which one it is."""
        with redis_errors():
            if anew:
                await learn(client)
            connection = await own_connection(
                client, key, timeout=timeout, protocol=2, decode_responses=False
            )
            # Who reads tries again by itself, and can be stopped meanwhile.
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
        """Send a command whose reply the reader will get; a line that is broken it notices."""
        task = asyncio.create_task(self._send(command), name="datapatterns-post")
        self._posts.add(task)
        task.add_done_callback(self._posts.discard)

    async def _send(self, command: tuple[bytes | str | int, ...]) -> None:
        async with self._turn:
            with suppress(*DRIVER_ERRORS, OSError):
                if self._connection.is_connected:  # or the driver would connect it again
                    await self._connection.send_command(*command)

    async def receive(self, timeout: float) -> Any:
        """Return what the server sends next, None if nothing comes in time."""
        with redis_errors():
            return await self._connection.read_response(disable_decoding=True, timeout=timeout)

    async def ask(self, *command: bytes | str | int) -> Any:
        """Send a command and return its reply, while nobody posts."""
        with redis_errors():
            async with asyncio.timeout(self._timeout):
                await self._connection.send_command(*command)
                return await self._connection.read_response(disable_decoding=True)

    def stop(self) -> None:
        """Let the reader go; here, its task is cancelled."""

    async def close(self) -> None:
        """Disconnect."""
        for task in self._posts:
            task.cancel()
        await asyncio.gather(*self._posts, return_exceptions=True)
        with suppress(*DRIVER_ERRORS, OSError):
            await self._connection.disconnect(nowait=True)
