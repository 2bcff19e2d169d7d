"""One connection that belongs to a reader, and that others may send over.

# unasync: by hand

`datapatterns/redis/_async/line.py` has the same names on asyncio. Whatever the lent client speaks,
a line speaks RESP2 and gives bytes: then messages are plain arrays in every version of the driver.

Only the reader's thread touches the connection, since one socket under TLS must not be read and
written by two threads at once. What others post waits in a line, and a bell, a pair of sockets,
wakes the reader to send it.
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
from datapatterns.redis._sync.pools import RedisClient, learn, own_connection
from datapatterns.redis.errors import DRIVER_ERRORS, redis_errors

_CONNECT = 5.0  # seconds to wait for a connection, at most


class ReaderConnection:
    """An open connection: one thread reads, any may post."""

    def __init__(self, connection: Any, timeout: float) -> None:
        self._connection = connection
        self._timeout = timeout
        self._posted: deque[tuple[bytes | str | int, ...]] = deque()
        self._stopped = False
        self._bell, self._rung = socket.socketpair()
        for end in (self._bell, self._rung):
            end.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._rung, selectors.EVENT_READ)
        self._selector.register(connection._sock, selectors.EVENT_READ)

    @classmethod
    def open(cls, client: RedisClient, key: bytes, *, timeout: float, anew: bool = False) -> Self:
        """Connect, once, to the server that has the key; `anew`: ask a cluster which one it is."""
        with redis_errors():
            if anew:
                learn(client)
            connection = own_connection(
                client, key, timeout=timeout, protocol=2, decode_responses=False
            )
            # Who reads tries again by itself, and can be stopped meanwhile.
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
        """Send a command whose reply the reader will get; a line that is broken it notices."""
        self._posted.append(command)
        self._ring()

    def _ring(self) -> None:
        with suppress(OSError):  # it rings already, or is closed
            self._bell.send(b"!")

    def receive(self, timeout: float) -> Any:
        """Return what the server sends next, None if nothing comes in time."""
        ends = 0.0
        with redis_errors():
            while True:
                if self._stopped:
                    raise Unavailable("the reader was stopped")
                while self._posted:
                    self._connection.send_command(*self._posted.popleft())
                if self._connection.can_read(timeout=0):
                    return self._connection.read_response(disable_decoding=True)
                now = time.monotonic()  # only here: a busy reader does not need the time
                ends = ends or now + timeout
                if now >= ends:
                    return None
                self._wait(ends - now)

    def _wait(self, seconds: float) -> None:
        self._selector.select(seconds)
        with suppress(BlockingIOError):
            self._rung.recv(4096)

    def ask(self, *command: bytes | str | int) -> Any:
        """Send a command and return its reply, while nobody posts."""
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
        """Let the reader go, from any thread."""
        self._stopped = True
        self._ring()

    def close(self) -> None:
        """Disconnect; only the reader does this."""
        self._selector.close()
        self._bell.close()
        self._rung.close()
        with suppress(*DRIVER_ERRORS, OSError):
            self._connection.disconnect()
