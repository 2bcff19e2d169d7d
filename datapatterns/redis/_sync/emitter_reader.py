# Generated from datapatterns/redis/_async/emitter_reader.py by scripts/unasync.py; do not edit.
"""The base of an emitter's readers: a connection that is read in the background and replaced."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod

from redis import exceptions as driver

from datapatterns.core.backoff import Backoff
from datapatterns.errors import Closed, DataError, Unavailable
from datapatterns.patterns._sync.concurrency import Event
from datapatterns.patterns._sync.courier import Background
from datapatterns.patterns._sync.emitter import Listeners
from datapatterns.redis.wire._sync.pools import RedisClient
from datapatterns.redis.wire._sync.reader_connection import ReaderConnection

logger = logging.getLogger("datapatterns.emitter")

LOSSES = (driver.ConnectionError, driver.TimeoutError, OSError)
_SLACK = 2.0  # seconds
_BACKOFF = Backoff(base=0.05, cap=2.0)


class EmitterReader(ABC):
    """Runs sessions in the background: connects, reads, and begins anew when the session ends.

    The first new session begins at once, further ones after waits with full jitter. A subclass
    reads (`_read`), says whether a session is needed (`_needed`), and handles a failed attempt to
    connect (`_unreachable`) and the loss of a connection (`_lost`).
    """

    def __init__(
        self, client: RedisClient, key: bytes, listeners: Listeners, heartbeat: float
    ) -> None:
        self.redis = client
        self._key = key
        self._listeners = listeners
        self._heartbeat = heartbeat
        # Longer than the server may block, which is one heartbeat.
        self._timeout = heartbeat + max(heartbeat, _SLACK)
        self._lock = threading.Lock()  # held for moments only
        self._connection: ReaderConnection | None = None
        self._running: Background | None = None
        self._over = Event()
        self._attempt = 0  # failures in a row
        # Whether to ask a cluster anew which server has the key. Not after every loss: asking makes
        # some versions of redis-py close all of the client's connections.
        self._astray = False
        self._alive = 0.0  # when the server was last heard from

    @abstractmethod
    def _needed(self) -> bool:
        """Return whether a connection is needed now."""

    @abstractmethod
    def _read(self, connection: ReaderConnection) -> None:
        """Read until the emitter is closed or no connection is needed any more."""

    @abstractmethod
    def _unreachable(self, error: DataError) -> None:
        """Handle that connecting failed."""

    @abstractmethod
    def _lost(self, error: DataError) -> None:
        """Handle that the connection was lost while it was read."""

    def _start(self) -> None:
        """Begin to run in the background unless it runs already; the caller holds the lock."""
        if self._running is None and not self._over.is_set():
            self._attempt = 0
            self._running = Background(self._run)

    def _run(self) -> None:
        while not self._over.is_set():
            self._session()
            with self._lock:
                if not self._needed() or self._over.is_set():
                    self._running = None
                    return
            if self._attempt:
                self._over.wait(_BACKOFF(self._attempt))
            self._attempt += 1

    def _session(self) -> None:
        """Connect, and read until the connection fails or is no longer needed."""
        connection = self._connect()
        if connection is None:
            return
        try:
            with self._lock:
                self._connection = connection
            if not self._over.is_set():
                self._read(connection)
        except DataError as error:
            self._astray = not isinstance(error.__cause__, LOSSES)
            self._lost(error)
        except Exception as error:
            logger.exception("an emitter's reader failed; it begins anew")
            self._lost(Unavailable(f"the reader failed: {type(error).__name__}"))
        finally:
            with self._lock:
                self._connection = None
            connection.close()

    def _connect(self) -> ReaderConnection | None:
        try:
            connection = ReaderConnection.open(
                self.redis, self._key, timeout=self._timeout, anew=self._astray
            )
        except DataError as error:
            if isinstance(error, Closed):
                self._over.set()  # a closed client stays closed
            self._astray = True
            self._unreachable(error)
            return None
        self._astray = False
        return connection

    def close(self) -> None:
        """Stop reading and close the connection."""
        self._over.set()
        with self._lock:
            connection, running = self._connection, self._running
        if connection is not None:
            connection.stop()
        if running is not None:
            running.end()
