# Generated from datapatterns/redis/_async/stream_reader.py by scripts/unasync.py; do not edit.
"""The reader of a durable emitter: it reads a stream from the position that it has reached."""

from __future__ import annotations

import time
from typing import Any

from typing_extensions import override

from datapatterns.core.emitter import Gap
from datapatterns.errors import DataError
from datapatterns.patterns._sync.emitter import Listeners, Message
from datapatterns.redis._sync.emitter_reader import EmitterReader
from datapatterns.redis._sync.lua import SCRIPTS
from datapatterns.redis.wire._sync.pools import RedisClient
from datapatterns.redis.wire._sync.reader_connection import ReaderConnection

_MESSAGES = 500  # that are read in one step
_BEGINNING = b"0-0"  # the position before the first entry of a stream


class StreamReader(EmitterReader):
    """Reads the entries of a stream behind a position, which is kept when the connection is lost.

    Each entry names the entry before it. If that is not the last one read, the entries between the
    two were trimmed, or lost with their server, before they were read: listeners are told of a gap.
    They are told as well when, after a loss of the connection, the stream ends before the last
    entry read.
    """

    def __init__(
        self,
        client: RedisClient,
        stream: bytes,
        listeners: Listeners,
        heartbeat: float,
    ) -> None:
        super().__init__(client, stream, listeners, heartbeat)
        self._last = _BEGINNING
        # Whether everything had been read at the last answer of the server, which has been in reach
        # since. Then a stream that begins anew had expired, and nothing was missed.
        self._caught_up = True

    def position(self) -> tuple[int, int]:
        """Return the position behind everything that has been emitted."""
        return _number(self._newest())

    def _newest(self) -> bytes:
        newest: bytes = SCRIPTS.read(self.redis, "emitter/newest", [self._key])
        return newest

    def follow(self, position: tuple[int, int]) -> None:
        """Read from that position on, unless reading is under way already."""
        with self._lock:
            if self._running is None:
                self._last = b"%d-%d" % position
                self._caught_up = True
                self._alive = time.monotonic()
            self._start()

    @override
    def _needed(self) -> bool:
        return self._listeners.any()

    @override
    def _read(self, connection: ReaderConnection) -> None:
        if not self._caught_up:
            newest = self._newest()
            if _number(newest) < _number(self._last):
                self._missed()
                self._last = newest
        block = round(self._heartbeat * 1000)
        while self._needed() and not self._over.is_set():
            reply = connection.ask(
                "XREAD", "COUNT", _MESSAGES, "BLOCK", block, "STREAMS", self._key, self._last
            )
            self._attempt = 0
            if not reply:
                self._caught_up = True
            for id, fields in reply[0][1] if reply else ():
                self._take(id, fields)
            self._alive = time.monotonic()

    def _take(self, id: bytes, fields: list[Any]) -> None:
        entry = dict(zip(fields[::2], fields[1::2], strict=True))
        before, self._last = self._last, id
        if b"e" not in entry:
            return  # an entry that another program added
        expired = entry[b"a"] == _BEGINNING and self._caught_up
        if entry[b"a"] != before and not expired:
            self._missed()
        event = entry[b"e"].decode(errors="replace")
        message: Message = (event, entry[b"p"])
        at = _number(id)
        self._listeners.hear(event, message, at)
        self._listeners.hear_matching(message, at)

    def _missed(self) -> None:
        events = self._listeners.events()
        seconds = time.monotonic() - self._alive
        self._listeners.gap(Gap(events, seconds, "history"))

    @override
    def _unreachable(self, error: DataError) -> None:
        self._caught_up = False

    @override
    def _lost(self, error: DataError) -> None:
        self._caught_up = False


def _number(position: bytes) -> tuple[int, int]:
    time_part, _, sequence = position.partition(b"-")
    return int(time_part), int(sequence)
