# Generated from datapatterns/couch/_async/following.py by scripts/unasync.py; do not edit.
"""One `follow` of a changes feed: what it does with one connection after the other."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, Protocol, TypeVar, cast

from datapatterns._sync.concurrency import Event
from datapatterns.backoff import Backoff
from datapatterns.changes import Change
from datapatterns.couch._sync.place import Place
from datapatterns.couch._sync.streaming import Line
from datapatterns.couch.feeds import (
    BEGINNING,
    Gone,
    Raw,
    Reading,
    Row,
    Rows,
    instance_of,
    is_design,
)
from datapatterns.documents import Document
from datapatterns.errors import (
    BadGateway,
    Closed,
    Conflict,
    DataError,
    Forbidden,
    InvalidArgument,
    NotFound,
    TimedOut,
    Unauthorized,
    Unavailable,
)

logger = logging.getLogger("datapatterns.couch")

M = TypeVar("M", bound=Document)

_FINAL = (InvalidArgument, Unauthorized, Forbidden, NotFound, Closed)
_BACKOFF = Backoff(base=0.1, cap=60.0)
_PULL = 10_000  # changes asked for at once, unless the consumer is slower than that
_FEWEST = 10
_SLACK = 5.0  # seconds beyond a heartbeat for the header of a reply
_MOST_DOUBLINGS = 6
# Empty heartbeats after which a feed with a selector asks how far it is, so that its position
# follows what the server rejects without a word.
_BEATS = 10


class Feed(Protocol[M]):
    """What a feed shows to those who follow it."""

    place: Place
    reading: Reading[M]
    paused: bool
    ensure: bool

    def tell(self, name: str, **details: Any) -> None:
        """Tell the listeners."""
        ...

    def begun(self, following: Any) -> None:
        """Have it stopped with the others."""
        ...

    def ended(self, following: Any) -> None:
        """It needs no stopping any more."""
        ...


class Following(Generic[M]):
    """Reads batches until none is left, then the continuous feed, from `at` on, over and over.

    `at` is the position of the last change handed out, or passed over. Whatever fails, the line is
    closed and a new one asks for what comes after `at`: so nothing is skipped, and what had arrived
    but was not handed out comes once more. On each new line the database is looked at first, since
    the reply to a feed does not tell that it was deleted and made again.
    """

    def __init__(self, feed: Feed[M], since: str, passed: Callable[[str], object] | None) -> None:
        self._feed, self._reading, self._passed = feed, feed.reading, passed
        self._since = since
        self._at: str | None = None
        self._instance = ""
        self._stopped = False
        self._wake = Event()
        self._line: Line | None = None
        self._rows: Rows | None = None  # of the reply under way
        self._over = False  # whether that reply has been read to its end
        self._live = False  # whether it is, or will be, the continuous feed
        self._caught_up = False
        self._attempt = 0  # failures since the last row or heartbeat
        self._renewed = False  # whether refused credentials were tried once more
        self._slow = 0  # batches in a row that took too long
        self._beats = 0  # since the last row
        self._limit = _PULL
        self._handed = 0  # rows of the reply under way
        self._last_change = self._last_read = time.monotonic()

    def stop(self) -> None:
        """End it, from anywhere."""
        self._stopped = True  # first this: a line that is being made is looked at afterwards
        self._wake.set()
        line = self._line
        if line is not None:
            line.interrupt()

    def wake(self) -> None:
        """Have it look whether it is paused."""
        self._wake.set()

    def changes(self) -> Iterator[Change[M]]:
        """Iterate over the changes until stopped."""
        self._feed.begun(self)
        try:
            while self._may_go_on():
                for row in self._next_rows():
                    if (self._stopped or self._feed.paused) and not self._may_go_on():
                        return
                    change = self._take(row)
                    if change is not None:
                        yield change
                        self._last_change = time.monotonic()
        finally:
            self._hang_up()
            self._feed.ended(self)

    def _may_go_on(self) -> bool:
        """Wait while paused, without a connection after a while; return False once stopped."""
        while self._feed.paused and not self._stopped:
            self._wake.clear()  # first this, then the look: so no call falls in between
            if self._feed.paused and not self._stopped:
                if not self._wake.wait(self._reading.beat):
                    self._hang_up()
                self._last_change = time.monotonic()
        return not self._stopped

    def _next_rows(self) -> list[Row]:
        """Return what comes next, which may be nothing; raise what cannot pass."""
        try:
            rows = self._read()
        except DataError as error:
            if not self._stopped:
                self._failed(error)
            return []
        if not rows:
            self._check_activity()
        return rows

    def _read(self) -> list[Row]:
        if self._lags():
            self._hang_up()
            self._limit = max(_FEWEST, min(self._limit, self._handed))
        if self._over:
            self._settle()
            return []
        if self._line is None:
            self._connect()
        line = self._line
        if line is None or self._stopped:
            return []
        if self._rows is None:
            self._ask(line)
            return []
        data = line.more(self._patience())
        self._last_read = time.monotonic()
        self._over = not data
        return self._parsed(self._rows, data)

    def _lags(self) -> bool:
        """Whether the consumer held us so long that a server could have taken us for dead."""
        held = time.monotonic() - self._last_read
        return self._rows is not None and not self._over and held > self._reading.beat

    def _parsed(self, reply: Rows, data: bytes) -> list[Row]:
        beats = reply.beats
        rows = reply.take(data) if data else reply.finish()
        if rows:
            self._beats = self._slow = 0
        if self._live:
            for _ in range(reply.beats - beats):
                self._beats += 1
                self._feed.tell("heartbeat")
        if rows or (self._live and reply.beats > beats):
            self._attempt, self._renewed = 0, False
        if self._beats >= _BEATS and self._reading.selector is not None:
            self._beats, self._over = 0, True
        return rows

    def _connect(self) -> None:
        self._line = line = self._feed.place.line()
        if self._stopped:
            return
        info = self._look(line)
        self._feed.ensure = False  # from now on an absent database is a deleted one
        instance, known = instance_of(info), self._instance
        self._instance = self._feed.place.instance = instance
        if self._at is None:
            self._at = str(info["update_seq"]) if self._since == "now" else self._since
            self._feed.tell("confirm", seq=self._at)
        elif known and instance and known != instance:
            self._recreated(self._at)
        self._feed.tell("connected")

    def _look(self, line: Line) -> Raw:
        """Return what the server says of the database; the first time, make it if it is absent."""
        path, within = self._feed.place.path, self._header_due()
        try:
            info = line.ask("GET", path, within=within)
        except NotFound:
            if not self._feed.ensure:
                raise
            try:
                line.ask("PUT", path, within=within)
            except Conflict:
                pass  # somebody else was faster
            except (Unauthorized, Forbidden) as error:
                raise NotFound("there is no such database") from error
            info = line.ask("GET", path, within=within)
        if not isinstance(info, Mapping) or "update_seq" not in info:
            raise BadGateway("what answers there is no CouchDB")
        return cast("Raw", info)

    def _recreated(self, at: str) -> None:
        if self._reading.on_recreated == "fail":
            raise Gone("the collection was deleted and made again", at)
        message = "a collection was deleted and made again; it is read from its beginning"
        logger.warning(message, extra={"collection": self._feed.place.name})
        self._at, self._live = BEGINNING, False
        self._feed.tell("recreated", last_seq=at)
        if self._passed is not None:
            self._passed(BEGINNING)

    def _ask(self, line: Line) -> None:
        limit = None if self._live else self._limit
        method, params, body = self._reading.request(self._at or BEGINNING, limit=limit)
        path, within = f"{self._feed.place.path}/_changes", self._header_due()
        line.open(method, path, params=params, body=body, within=within)
        self._rows, self._handed = Rows(), 0
        self._last_read = time.monotonic()

    def _settle(self) -> None:
        """Go on behind a reply that has been read to its end, all of it handed out."""
        reply, live = self._rows, self._live
        self._rows, self._over = None, False
        if live:
            self._hang_up()  # so that the database is looked at: it may have been deleted
        if reply is None or (reply.end is None and not live):
            raise Unavailable("the reply was cut short")
        moved = reply.end is not None and self._move(str(reply.end["last_seq"]))
        if live:
            if not reply.count and not reply.beats:
                raise Unavailable("the feed ended at once")
            return
        self._slow, self._limit = 0, min(_PULL, self._limit * 2)
        if reply.end is None or reply.end.get("pending", reply.count):
            if not moved and not reply.count:
                raise Unavailable("the server says that there is more, and gives nothing")
            return
        self._live = True
        if not self._caught_up:
            self._caught_up = True
            self._feed.tell("caught_up")

    def _take(self, row: Row) -> Change[M] | None:
        """Move behind the row; return its change, None if the filter passes it over."""
        self._handed += 1
        seq = row.get("seq")
        at = self._at if seq is None else str(seq)  # a server may leave some out
        change = None if is_design(row) else self._reading.change(row, at or BEGINNING)
        if change is not None:
            self._last_change = time.monotonic()
            if not self._reading.wanted(change):
                change = None
        if change is None and at is not None:
            self._move(at)
        self._at = at
        return change

    def _move(self, seq: str) -> bool:
        """Note that nothing up to there is left to be handed out; return whether that is new."""
        moved = seq != self._at
        self._at = seq
        if moved and self._passed is not None:
            self._passed(seq)
        return moved

    def _failed(self, error: DataError) -> None:
        """Wait before the next try; raise what cannot pass."""
        if isinstance(error, TimedOut) and not self._live:
            self._slow = min(self._slow + 1, _MOST_DOUBLINGS)
        self._hang_up()
        self._check_activity()
        if isinstance(error, Unauthorized) and not self._renewed:
            self._renewed = True
            return
        if isinstance(error, NotFound) and not isinstance(error, Gone):
            raise Gone("there is no such collection", self._at or self._since) from error
        if isinstance(error, _FINAL):
            raise error
        self._attempt += 1
        asked: float | None = getattr(error, "retry_after", None)
        seconds = max(_BACKOFF(self._attempt), min(asked or 0.0, _BACKOFF.cap))
        self._feed.tell("retry", attempt=self._attempt, seconds=seconds, error=error)
        about = {"collection": self._feed.place.name, "attempt": self._attempt, "code": error.code}
        logger.info("a changes feed tries again in %.1f s: %s", seconds, error, extra=about)
        self._sleep(seconds)

    def _sleep(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._stopped and (left := until - time.monotonic()) > 0:
            self._wake.clear()
            if not self._stopped:
                self._wake.wait(min(left, self._activity_due()))
            self._check_activity()

    def _header_due(self) -> float:
        return min((self._reading.beat + _SLACK) * self._stretch(), self._activity_due())

    def _patience(self) -> float:
        """Seconds to wait for the next piece."""
        return min(self._reading.silence * self._stretch(), self._activity_due())

    def _stretch(self) -> int:
        # A batch comes without heartbeats, however long the server looks for what a selector lets
        # through: a limit that never moved could never be met.
        return 1 if self._live else 2**self._slow

    def _activity_due(self) -> float:
        """Seconds until the time without a change is too long, and a moment."""
        inactivity = self._reading.inactivity
        if inactivity is None:
            return float("inf")
        return max(0.0, self._last_change + inactivity - time.monotonic()) + 0.001

    def _check_activity(self) -> None:
        inactivity = self._reading.inactivity
        if inactivity is not None and time.monotonic() - self._last_change >= inactivity:
            raise TimedOut(f"no change for {inactivity} seconds")

    def _hang_up(self) -> None:
        line, self._line = self._line, None
        self._rows, self._over, self._live = None, False, False
        if line is not None:
            line.close()
