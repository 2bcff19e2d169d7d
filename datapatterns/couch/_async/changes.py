"""The changes of a collection in CouchDB: read in batches, or followed without end."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Generic, TypeVar

from datapatterns.changes import Change, check_pace
from datapatterns.checks import Duration
from datapatterns.couch._async.couch import AsyncCouch, Params
from datapatterns.couch._async.database import AsyncDatabase
from datapatterns.couch._async.following import AsyncFollowing
from datapatterns.couch._async.place import AsyncPlace
from datapatterns.couch._async.progress import AsyncCheckpoints, AsyncGraveyard
from datapatterns.couch.drivers import AsyncHttpClient
from datapatterns.couch.feeds import Policy, Reading, Rows, is_design, position, selector_of
from datapatterns.documents import Document
from datapatterns.errors import BadGateway, Forbidden, NotFound, Unauthorized
from datapatterns.pages import check_limit

logger = logging.getLogger("datapatterns.couch")

M = TypeVar("M", bound=Document)


class AsyncChangesFeed(Generic[M]):
    """Notifies of every change of a collection, and never fails for what may pass.

    1. Look at the database: is it there, is it still the one that was read before; `since="now"` is
       its `update_seq` at that moment, so whatever is written after `confirm` is heard.
    2. Catch up in batches (`feed=normal&limit=N`) until the server says `pending: 0`.
    3. Then the continuous feed with heartbeats, from the last row on: nothing falls in between.
    4. Nothing came for 1.25 heartbeats (and at least 1 s more than one), the connection broke, the
       server answered 429 or 5xx or no JSON: close it, wait (full jitter, 100 ms doubled up to
       60 s, from the start again once a row or a heartbeat came), go on at 1. with a new client,
       which looks the address up anew. 400, 401, 403 and 404 cannot pass and are raised; 401 after
       one more try.
    5. The server ends a continuous feed in good order when it is stopped for maintenance and when
       the database is deleted. So look again, at 1.: NotFound, with `last_seq`, if it is gone; made
       again, it is read from its beginning (`on_recreated="restart"`, and `recreated` is told) or
       NotFound is raised (`"fail"`).

    Positions are opaque: never compared, only given back to the server. Each change comes at least
    once; after the loss of a node a cluster may repeat some, in another order. Design documents are
    passed over.

    `filter` is a predicate on the change, or a mapping: a Mango selector, applied by the server,
    which then sends less. The consumer may be as slow as it likes: what is read ahead is bounded by
    one piece of the reply (256 kB in the sync face), and when a heartbeat's time went by without
    reading, or in a pause, the connection is closed and the rest asked for in batches that are
    small enough. `heartbeat` in seconds, at most 60 are asked for; `inactivity`: see `follow`.

    `client` is a `Couch`, a lent `httpx2` or `httpx` client, or a function that returns the
    server's URL and is called for each connection. The database is created at first use, if it is
    absent and `ensure` is left True. `stop` interrupts whatever waits, within a second.

    Source: the replicator's reader and its `ChangesFollower` descendants; `follow` of Node.
    """

    def __init__(
        self,
        client: AsyncCouch | AsyncHttpClient | Callable[[], str],
        collection: str,
        model: type[M] | None = None,
        *,
        filter: Callable[[Change[M]], bool] | Mapping[str, Any] | None = None,
        include_docs: bool = True,
        inactivity: Duration | None = None,
        heartbeat: Duration = 30.0,
        on_recreated: Policy = "restart",
        ensure: bool = True,
    ) -> None:
        selector = selector_of(filter)
        predicate = None if isinstance(filter, Mapping) else filter
        self.place = AsyncPlace(client, collection)
        heartbeat = check_pace("heartbeat", heartbeat)
        if inactivity is not None:
            inactivity = check_pace("inactivity", inactivity)
        self.reading = Reading(
            model, predicate, selector, include_docs, heartbeat, inactivity, on_recreated
        )
        self.paused = False
        self.ensure = ensure
        self._followings: list[AsyncFollowing[M]] = []
        self._listeners: list[Callable[[str, Mapping[str, Any]], Any]] = []
        self._checkpoints = AsyncCheckpoints(self.place, self.reading)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.place.name!r})"

    def on_event(self, fn: Callable[[str, Mapping[str, Any]], Any]) -> None:
        """Call `fn(name, details)` for confirm, connected, heartbeat, caught_up, retry, recreated,
        paused, resumed and stopped."""
        self._listeners.append(fn)

    def tell(self, name: str, **details: Any) -> None:
        """Call the listeners."""
        for listener in self._listeners:
            try:
                listener(name, details)
            except Exception:
                about = {"collection": self.place.name, "event": name}
                logger.exception("a listener of a changes feed failed", extra=about)

    def follow(
        self, since: str | None = None, *, passed: Callable[[str], object] | None = None
    ) -> AsyncIterator[Change[M]]:
        """Iterate over every change after `since`, waiting for the next, until stopped.

        `passed(seq)` is called for changes that the filter rejects. Raises TimedOut after
        `inactivity` seconds without a change, NotFound with `last_seq` when the collection is gone,
        and what cannot pass: InvalidArgument, Unauthorized, Forbidden.
        """
        return AsyncFollowing(self, position(since), passed).changes()

    async def read(self, since: str | None = None, limit: int = 100) -> list[Change[M]]:
        """Return up to `limit` changes after `since`, without waiting.

        Those that the filter rejects are passed over. Raises InvalidArgument for a position that
        is none of this feed, and whatever prevents the reading.
        """
        at, wanted = position(since), list[Change[M]]()
        check_limit(limit)
        async with self._database() as database:
            more = True
            while more and len(wanted) < limit:
                changes, at, more = await self._batch(database, at, limit)
                wanted += filter(self.reading.wanted, changes)
        return wanted[:limit]

    async def _batch(
        self, database: AsyncDatabase, since: str, limit: int
    ) -> tuple[list[Change[M]], str, bool]:
        """The next changes, the position behind them, and whether there are more."""
        method, params, body = self.reading.request(since, limit=limit)
        path = f"{database.path}/_changes"
        reply = await database.couch.fetch(method, path, params=params, body=body)
        rows, changes = Rows(), list[Change[M]]()
        for row in rows.take(reply.content) + rows.finish():
            since = str(row.get("seq") or since)
            if not is_design(row):
                changes.append(self.reading.change(row, since))
        if rows.end is None:
            raise BadGateway("the server answered something that CouchDB does not")
        return changes, str(rows.end["last_seq"]), bool(rows.end.get("pending", rows.count))

    async def now(self) -> str:
        """Return the position of the latest change."""
        async with self._database() as database:
            return str((await database.info())["update_seq"])

    async def lag(self, since: str | None = None) -> int:
        """Return how many changes there are after `since`, those of design documents included."""
        at = position(since)
        async with self._database() as database:
            params: Params = {"since": at, "limit": 1}
            reply = await database.couch.read("GET", f"{database.path}/_changes", params=params)
        try:
            return max(0, int(reply.get("pending", 0))) + len(reply["results"])
        except (AttributeError, KeyError, TypeError, ValueError):
            raise BadGateway("the server answered something that CouchDB does not") from None

    @asynccontextmanager
    async def _database(self) -> AsyncGenerator[AsyncDatabase, None]:
        """The database, made the first time if it is absent and that is allowed."""
        async with self.place.database() as database:
            if self.ensure:
                try:
                    await database.info()
                except NotFound:
                    with suppress(Unauthorized, Forbidden):  # the next request says it is absent
                        await database.create()
                self.ensure = False
            yield database

    def pause(self) -> None:
        """Hand out nothing until `resume`."""
        if not self.paused:
            self.paused = True
            self.tell("paused")

    def resume(self) -> None:
        """Hand out again."""
        if self.paused:
            self.paused = False
            for following in tuple(self._followings):
                following.wake()
            self.tell("resumed")

    def stop(self) -> None:
        """End every `follow` that is under way."""
        for following in tuple(self._followings):
            following.stop()

    def begun(self, following: AsyncFollowing[M]) -> None:
        """Have it stopped with the others."""
        self._followings.append(following)

    def ended(self, following: AsyncFollowing[M]) -> None:
        """It needs no stopping any more."""
        self._followings.remove(following)
        self.tell("stopped")

    @property
    def checkpoints(self) -> AsyncCheckpoints:
        """Where workers on this feed keep their positions."""
        return self._checkpoints

    @property
    def graveyard(self) -> AsyncGraveyard:
        """Where workers on this feed keep the changes they gave up."""
        return AsyncGraveyard(self.place)
