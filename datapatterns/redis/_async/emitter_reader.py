"""What keeps an emitter's connection: one that reads in the background and comes back when lost."""

from __future__ import annotations

import logging
import threading

from redis import exceptions as driver

from datapatterns._async.concurrency import AsyncEvent
from datapatterns._async.courier import AsyncBackground
from datapatterns._async.listening import AsyncListeners
from datapatterns.backoff import Backoff
from datapatterns.errors import Closed, DataError, Unavailable
from datapatterns.redis._async.pools import AsyncRedisClient
from datapatterns.redis._async.reader_connection import AsyncReaderConnection

logger = logging.getLogger("datapatterns.emitter")

LOSSES = (driver.ConnectionError, driver.TimeoutError, OSError)
_SLACK = 2.0  # seconds
_BACKOFF = Backoff(base=0.05, cap=2.0)


class AsyncEmitterReader:
    """Connects, has a session, and when that ends begins anew, at once and then with full jitter.

    A subclass says what a session is (`_talk`), whether one is needed (`_needed`), and what it
    means that it could not be had (`_unreachable`) or was lost (`_lost`).
    """

    def __init__(
        self, client: AsyncRedisClient, key: bytes, listeners: AsyncListeners, heartbeat: float
    ) -> None:
        self.redis = client
        self._key = key
        self._listeners = listeners
        self._heartbeat = heartbeat
        self._timeout = heartbeat + max(heartbeat, _SLACK)  # for a server that blocks for a beat
        self._lock = threading.Lock()  # held for moments only
        self._line: AsyncReaderConnection | None = None
        self._running: AsyncBackground | None = None
        self._over = AsyncEvent()
        self._attempt = 0  # failures in a row
        # Whether a cluster has to be asked where the key is now. Not after every loss: some drivers
        # cut all of the client's connections when they ask.
        self._astray = False
        self._alive = 0.0  # when the server was last heard of

    def _needed(self) -> bool:
        raise NotImplementedError

    async def _talk(self, line: AsyncReaderConnection) -> None:
        raise NotImplementedError

    def _unreachable(self, error: DataError) -> None:
        raise NotImplementedError

    def _lost(self, error: DataError) -> None:
        raise NotImplementedError

    def _start(self) -> None:
        """Run, unless it does; the caller holds the lock."""
        if self._running is None and not self._over.is_set():
            self._attempt = 0
            self._running = AsyncBackground(self._run)

    async def _run(self) -> None:
        while not self._over.is_set():
            await self._session()
            with self._lock:
                if not self._needed() or self._over.is_set():
                    self._running = None
                    return
            if self._attempt:
                await self._over.wait(_BACKOFF(self._attempt))
            self._attempt += 1

    async def _session(self) -> None:
        """Connect, and talk until that fails or nobody needs it any more."""
        try:
            line = await AsyncReaderConnection.open(
                self.redis, self._key, timeout=self._timeout, anew=self._astray
            )
        except DataError as error:
            if isinstance(error, Closed):
                self._over.set()  # it would be so for ever
            self._astray = True
            self._unreachable(error)
            return
        self._astray = False
        try:
            with self._lock:
                self._line = line
            if not self._over.is_set():
                await self._talk(line)
        except DataError as error:
            self._astray = not isinstance(error.__cause__, LOSSES)
            self._lost(error)
        except Exception as error:
            logger.exception("an emitter's reader failed; it begins anew")
            self._lost(Unavailable(f"the reader failed: {type(error).__name__}"))
        finally:
            with self._lock:
                self._line = None
            await line.close()

    async def close(self) -> None:
        """Read no more, and leave no connection behind."""
        self._over.set()
        with self._lock:
            line, running = self._line, self._running
        if line is not None:
            line.stop()
        if running is not None:
            await running.end()
