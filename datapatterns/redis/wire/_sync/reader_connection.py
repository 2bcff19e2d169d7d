"""The connection of an emitter's reader: one thread reads it, any thread may send over it.

# unasync: by hand

`datapatterns/redis/wire/_async/reader_connection.py` has the same names on asyncio. The connection
speaks RESP2 and gives bytes, whatever the lent client speaks: so messages are plain arrays in every
version of redis-py.

Only the reader's thread touches the connection, since one socket under TLS must not be read and
written by two threads at once. Other threads put their commands into a queue, and write to a pair
of sockets (`_wake_up`) to make the reader send them.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections import deque
from contextlib import suppress
from typing import Any, Self

from redis.backoff import NoBackoff
from redis.retry import Retry

from datapatterns.errors import TimedOut, Unavailable
from datapatterns.redis.wire._sync.pools import RedisClient, learn, own_connection
from datapatterns.redis.wire.errors import DRIVER_ERRORS, redis_errors

_CONNECT = 5.0  # seconds: the longest that connecting may take


class ReaderConnection:
    """An open connection: one thread calls `receive` or `ask`, any thread may call `post`."""

    def __init__(self, connection: Any, timeout: float) -> None:
        self._connection = connection
        self._timeout = timeout
        self._posted: deque[tuple[bytes | str | int, ...]] = deque()
        self._stopped = False
        self._wake_up, self._woken = socket.socketpair()
        for end in (self._wake_up, self._woken):
            end.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._selector.register(connection._sock, selectors.EVENT_READ)

    @classmethod
    def open(cls, client: RedisClient, key: bytes, *, timeout: float, anew: bool = False) -> Self:
        """Connect, without retries, to the server that has the key.

        With `anew`, the client of a cluster first asks the cluster again which server that is.
        """
        with redis_errors():
            if anew:
                learn(client)
            connection = own_connection(
                client, key, timeout=timeout, protocol=2, decode_responses=False
            )
            # The reader connects again itself, and can be stopped between two attempts.
            connection.retry = Retry(NoBackoff(), 0)
            connection.health_check_interval = 0
            connection.socket_connect_timeout = min(
                connection.socket_connect_timeout or _CONNECT, _CONNECT
            )
            try:
                connection.connect()
            except BaseException:
                connection.disconnect()
                raise
        return cls(connection, timeout)

    def post(self, *command: bytes | str | int) -> None:
        """Let the reader send a command; the reader receives its reply.

        Nothing is raised here when the connection is lost: the reader finds out.
        """
        self._posted.append(command)
        self._wake()

    def _wake(self) -> None:
        with suppress(OSError):  # the buffer is full, so the reader will wake up; or it is closed
            self._wake_up.send(b"!")

    def receive(self, timeout: float) -> Any:
        """Return what the server sends next, or None if nothing arrives within the timeout."""
        ends = 0.0
        with redis_errors():
            while True:
                if self._stopped:
                    raise Unavailable("the reader was stopped")
                while self._posted:
                    self._connection.send_command(*self._posted.popleft())
                if self._connection.can_read(timeout=0):
                    return self._connection.read_response(disable_decoding=True)
                now = time.monotonic()  # not earlier: with data at hand the time is not needed
                ends = ends or now + timeout
                if now >= ends:
                    return None
                self._wait(ends - now)

    def _wait(self, seconds: float) -> None:
        self._selector.select(seconds)
        with suppress(BlockingIOError):
            self._woken.recv(4096)

    def ask(self, *command: bytes | str | int) -> Any:
        """Send a command and return its reply; nothing may be posted meanwhile."""
        ends = time.monotonic() + self._timeout
        with redis_errors():
            self._connection.send_command(*command)
            while not self._connection.can_read(timeout=0):
                left = ends - time.monotonic()
                if left <= 0:
                    raise TimedOut("the server did not answer in time")
                self._wait(left)
                if self._stopped:
                    raise Unavailable("the reader was stopped")
            return self._connection.read_response(disable_decoding=True)

    def stop(self) -> None:
        """Make the reader's `receive` or `ask` raise Unavailable; any thread may call this."""
        self._stopped = True
        self._wake()

    def close(self) -> None:
        """Disconnect; only the reader's thread calls this."""
        self._selector.close()
        self._wake_up.close()
        self._woken.close()
        with suppress(*DRIVER_ERRORS, OSError):
            self._connection.disconnect()
