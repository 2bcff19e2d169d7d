"""One `follow` of a changes feed, over one connection after the other."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Generic, TypeVar, cast

from typing_extensions import override

from datapatterns.core.backoff import Backoff
from datapatterns.core.changes import Change, FeedControl, Follower
from datapatterns.core.documents import Document
from datapatterns.couch.change_rows import ChangeRow, RowParser, is_design
from datapatterns.couch.changes import BEGINNING, FeedOptions, Gone, Raw, instance_of
from datapatterns.couch.database._async.locator import AsyncLocator
from datapatterns.couch.http._async.streaming import AsyncConnection
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
from datapatterns.patterns._async.concurrency import AsyncEvent

logger = logging.getLogger("datapatterns.couch")

M = TypeVar("M", bound=Document)

_FINAL = (InvalidArgument, Unauthorized, Forbidden, NotFound, Closed)
_BACKOFF = Backoff(base=0.1, cap=60.0)
_MOST_CHANGES = 10_000  # in a batch; fewer if the consumer is slow
_FEWEST_CHANGES = 10
_SLACK = 5.0  # seconds beyond a heartbeat for the header of a reply
_MOST_DOUBLINGS = 6
# Heartbeats without a row after which a feed with a selector asks for its position again: the
# server does not report the changes that it rejects.
_BEATS = 10


class AsyncCouchFollower(Follower, Generic[M]):
    """Reads batches until none is left, then the continuous feed, from a position on, repeatedly.

    `_at` is the position of the last change that was handed out or passed over. After any failure
    the connection is closed, and a new one asks for the changes after `_at`: so none is skipped,
    and changes that had arrived but were not handed out come again. Each new connection reads the
    database's description first, since the reply to a feed does not show that the database was
    deleted and created again.
    """

    def __init__(
        self,
        locator: AsyncLocator,
        options: FeedOptions[M],
        control: FeedControl,
        since: str,
        passed: Callable[[str], object] | None,
    ) -> None:
        self._locator, self._options, self._control = locator, options, control
        self._since, self._passed = since, passed
        self._at: str | None = None
        self._instance = ""
        self._stopped = False
        self._wake = AsyncEvent()
        self._connection: AsyncConnection | None = None
        self._reply: RowParser | None = None  # of the reply under way
        self._over = False  # whether that reply was read to its end
        self._live = False  # whether it is, or will be, the continuous feed
        self._caught_up = False
        self._attempt = 0  # failures since the last row or heartbeat
        self._renewed = False  # whether refused credentials were tried once more
        self._slow = 0  # batches in a row that took too long
        self._beats = 0  # since the last row
        self._limit = _MOST_CHANGES
        self._handed = 0  # rows taken from the reply under way
        self._last_change = self._last_read = time.monotonic()

    @override
    def stop(self) -> None:
        self._stopped = True  # set first: `_connect` reads it after it has made a connection
        self._wake.set()
        connection = self._connection
        if connection is not None:
            connection.interrupt()

    @override
    def wake(self) -> None:
        self._wake.set()

    async def changes(self) -> AsyncIterator[Change[M]]:
        """Iterate over the changes until stopped."""
        self._control.begun(self)
        try:
            while await self._may_go_on():
                for row in await self._next_rows():
                    if (self._stopped or self._control.paused) and not await self._may_go_on():
                        return
                    change = self._take(row)
                    if change is not None:
                        yield change
                        self._last_change = time.monotonic()
        finally:
            await self._hang_up()
            self._control.ended(self)

    async def _may_go_on(self) -> bool:
        """Wait while paused, after a heartbeat without a connection; return False if stopped."""
        while self._control.paused and not self._stopped:
            self._wake.clear()  # cleared before the flags are read, so that no call is missed
            if self._control.paused and not self._stopped:
                if not await self._wake.wait(self._options.beat):
                    await self._hang_up()
                self._last_change = time.monotonic()
        return not self._stopped

    async def _next_rows(self) -> list[ChangeRow]:
        """Return the rows that come next, which may be none; raise errors that cannot pass."""
        try:
            rows = await self._read()
        except DataError as error:
            if not self._stopped:
                await self._failed(error)
            return []
        if not rows:
            self._check_activity()
        return rows

    async def _read(self) -> list[ChangeRow]:
        """Do the next step: connect, ask, read a piece of the reply, or go on behind its end."""
        if self._lags():
            await self._hang_up()
            self._limit = max(_FEWEST_CHANGES, min(self._limit, self._handed))
        if self._over:
            await self._settle()
            return []
        if self._connection is None:
            await self._connect()
        connection = self._connection
        if connection is None or self._stopped:
            return []
        if self._reply is None:
            await self._ask(connection)
            return []
        data = await connection.more(self._patience())
        self._last_read = time.monotonic()
        self._over = not data
        return self._parsed(self._reply, data)

    def _lags(self) -> bool:
        """Return whether the consumer took so long that the server may have closed the reply."""
        held = time.monotonic() - self._last_read
        return self._reply is not None and not self._over and held > self._options.beat

    def _parsed(self, reply: RowParser, data: bytes) -> list[ChangeRow]:
        """Return the rows in a piece of the reply, and count its heartbeats."""
        beats = reply.beats
        rows = reply.take(data) if data else reply.finish()
        if rows:
            self._beats = self._slow = 0
        if self._live:
            for _ in range(reply.beats - beats):
                self._beats += 1
                self._control.tell("heartbeat")
        if rows or (self._live and reply.beats > beats):
            self._attempt, self._renewed = 0, False
        if self._beats >= _BEATS and self._options.selector is not None:
            self._beats, self._over = 0, True
        return rows

    async def _connect(self) -> None:
        """Open a connection, read the database's description, and find the position to start at."""
        self._connection = connection = self._locator.connection()
        if self._stopped:
            return
        info = await self._info(connection)
        self._locator.may_create = False  # an absent database is a deleted one from now on
        instance, known = instance_of(info), self._instance
        self._instance = self._locator.instance = instance
        if self._at is None:
            self._at = str(info["update_seq"]) if self._since == "now" else self._since
            self._control.tell("confirm", seq=self._at)
        elif known and instance and known != instance:
            self._recreated(self._at)
        self._control.tell("connected")

    async def _info(self, connection: AsyncConnection) -> Raw:
        """Return the database's description; the first time, create the database if absent."""
        path, within = self._locator.path, self._header_due()
        try:
            info = await connection.ask("GET", path, within=within)
        except NotFound:
            if not self._locator.may_create:
                raise
            try:
                await connection.ask("PUT", path, within=within)
            except Conflict:
                pass  # another client was faster
            except (Unauthorized, Forbidden) as error:
                raise NotFound("there is no such database") from error
            info = await connection.ask("GET", path, within=within)
        if not isinstance(info, Mapping) or "update_seq" not in info:
            raise BadGateway("the server that answers is not a CouchDB")
        return cast("Raw", info)

    def _recreated(self, at: str) -> None:
        """Start again at the beginning of a database that was created again, or raise NotFound."""
        if self._options.on_recreated == "fail":
            raise Gone("the collection was deleted and created again", at)
        message = "a collection was deleted and created again; it is read from its beginning"
        logger.warning(message, extra={"collection": self._locator.name})
        self._at, self._live = BEGINNING, False
        self._control.tell("recreated", last_seq=at)
        if self._passed is not None:
            self._passed(BEGINNING)

    async def _ask(self, connection: AsyncConnection) -> None:
        """Ask for the next batch, or for the continuous feed."""
        limit = None if self._live else self._limit
        method, params, body = self._options.request(self._at or BEGINNING, limit=limit)
        path, within = f"{self._locator.path}/_changes", self._header_due()
        await connection.open(method, path, params=params, body=body, within=within)
        self._reply, self._handed = RowParser(), 0
        self._last_read = time.monotonic()

    async def _settle(self) -> None:
        """Go on behind a reply that was read to its end, with all its changes handed out."""
        reply, live = self._reply, self._live
        self._reply, self._over = None, False
        if live:
            await self._hang_up()  # the next connection finds out whether the database was deleted
        if reply is None or (reply.end is None and not live):
            raise Unavailable("the reply was cut short")
        moved = reply.end is not None and self._move(str(reply.end["last_seq"]))
        if live:
            if not reply.count and not reply.beats:
                raise Unavailable("the feed ended at once")
            return
        self._slow, self._limit = 0, min(_MOST_CHANGES, self._limit * 2)
        if reply.end is None or reply.end.get("pending", reply.count):
            if not moved and not reply.count:
                raise Unavailable("the server reports more changes and sends none")
            return
        self._live = True
        if not self._caught_up:
            self._caught_up = True
            self._control.tell("caught_up")

    def _take(self, row: ChangeRow) -> Change[M] | None:
        """Move behind the row; return its change, None if it is passed over."""
        self._handed += 1
        seq = row.get("seq")
        at = self._at if seq is None else str(seq)  # a server may leave some out
        change = None if is_design(row) else self._options.change(row, at or BEGINNING)
        if change is not None:
            self._last_change = time.monotonic()
            if not self._options.wanted(change):
                change = None
        if change is None and at is not None:
            self._move(at)
        self._at = at
        return change

    def _move(self, seq: str) -> bool:
        """Note that all changes up to `seq` are done; return whether the position moved."""
        moved = seq != self._at
        self._at = seq
        if moved and self._passed is not None:
            self._passed(seq)
        return moved

    async def _failed(self, error: DataError) -> None:
        """Wait before the next attempt; raise errors that cannot pass."""
        if isinstance(error, TimedOut) and not self._live:
            self._slow = min(self._slow + 1, _MOST_DOUBLINGS)
        await self._hang_up()
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
        self._control.tell("retry", attempt=self._attempt, seconds=seconds, error=error)
        about = {
            "collection": self._locator.name,
            "attempt": self._attempt,
            "code": error.code,
        }
        logger.info("a changes feed connects again in %.1f s: %s", seconds, error, extra=about)
        await self._sleep(seconds)

    async def _sleep(self, seconds: float) -> None:
        """Wait so long, or until stopped; raise TimedOut when `inactivity` ends."""
        until = time.monotonic() + seconds
        while not self._stopped and (left := until - time.monotonic()) > 0:
            self._wake.clear()
            if not self._stopped:
                await self._wake.wait(min(left, self._activity_due()))
            self._check_activity()

    def _header_due(self) -> float:
        """Return the seconds to wait for the header of a reply."""
        return min((self._options.beat + _SLACK) * self._stretch(), self._activity_due())

    def _patience(self) -> float:
        """Return the seconds to wait for the next piece of a reply."""
        return min(self._options.silence * self._stretch(), self._activity_due())

    def _stretch(self) -> int:
        """Return by how much a time limit is multiplied after batches that took too long."""
        # A batch has no heartbeats, and with a selector the server may search for long. With fixed
        # limits such a batch would never arrive.
        return 1 if self._live else 2**self._slow

    def _activity_due(self) -> float:
        """Return the seconds until `inactivity` has passed without a change, and a moment more."""
        inactivity = self._options.inactivity
        if inactivity is None:
            return float("inf")
        return max(0.0, self._last_change + inactivity - time.monotonic()) + 0.001

    def _check_activity(self) -> None:
        """Raise TimedOut if `inactivity` has passed without a change."""
        inactivity = self._options.inactivity
        if inactivity is not None and time.monotonic() - self._last_change >= inactivity:
            raise TimedOut(f"no change for {inactivity} seconds")

    async def _hang_up(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        self._reply, self._over, self._live = None, False, False
        if connection is not None:
            await connection.close()
