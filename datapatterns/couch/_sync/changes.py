# Generated from datapatterns/couch/_async/changes.py by scripts/unasync.py; do not edit.
"""The changes of a collection in CouchDB: read in batches, or followed without end."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from typing_extensions import override

from datapatterns.core.changes import Change, check_feed
from datapatterns.core.checks import Duration, check_flag
from datapatterns.core.documents import Document
from datapatterns.core.options import OnRecreated
from datapatterns.core.pages import check_limit
from datapatterns.core.schema import Schema
from datapatterns.couch._sync.changes_worker import Checkpoints, Graveyard
from datapatterns.couch._sync.follower import CouchFollower
from datapatterns.couch.change_rows import RowParser, is_design
from datapatterns.couch.changes import FeedOptions, position, selector_of
from datapatterns.couch.database._sync.database import Database
from datapatterns.couch.database._sync.locator import Locator
from datapatterns.couch.http._sync.client import CouchClient, Params
from datapatterns.couch.http.drivers import HttpClient
from datapatterns.couch.http.errors import unexpected_answer
from datapatterns.errors import Forbidden, NotFound, Unauthorized
from datapatterns.patterns._sync.changes import BaseFeed

M = TypeVar("M", bound=Document)


class ChangesFeed(BaseFeed[M]):
    """Hands out every change of a collection, and never fails for an error that may pass.

    1. Read the database's description: does it exist, and is it still the database that was read
       before? `since="now"` is its `update_seq` at that moment, so every change after the event
       `confirm` is handed out.
    2. Catch up in batches (`feed=normal&limit=N`) until the server says `pending: 0`.
    3. Read the continuous feed with heartbeats, from the last row on, so that no change is missed.
    4. When no byte came for 1.25 heartbeats (and at least 1 s more than one), the connection broke,
       or the server answered 429, 5xx or no JSON: close the connection, wait, and go on at 1. with
       a new HTTP client, which looks the address up again. The wait has full jitter, from 100 ms
       doubled up to 60 s; it starts at 100 ms again after a row or a heartbeat. 400, 401, 403 and
       404 cannot pass and are raised, 401 after one more attempt.
    5. The server ends a continuous feed normally when it is stopped for maintenance and when the
       database is deleted. So go on at 1.: NotFound, with `last_seq`, if the database is gone. One
       that was created again is read from its beginning, after the event `recreated`
       (`on_recreated="restart"`), or NotFound is raised (`"fail"`).

    Positions are opaque: they are never compared, only given back to the server. Each change comes
    at least once; after the loss of a node a cluster may repeat some, in another order. Design
    documents are passed over.

    `filter` is a predicate on the change, or a mapping: a Mango selector, which the server applies,
    so that it sends less. The consumer may be slow: what is read ahead is bounded by one piece of
    the reply (256 kB in the sync face). After a heartbeat's time without reading, or in a pause,
    the connection is closed, and the remaining changes are then read in smaller batches.
    The server accepts a `heartbeat` of at most 60 s; longer ones are shortened. `inactivity`: see
    `follow`.

    `client` is a `Couch`, a lent `httpx2` or `httpx` client, or a function that returns the
    server's URL and is called for each connection. With `ensure=True` the first use creates the
    database if it is absent. `stop` interrupts every wait within a second.

    Source: the reader of CouchDB's replicator, IBM's `ChangesFollower`, and Node's `follow`.
    """

    def __init__(
        self,
        client: CouchClient | HttpClient | Callable[[], str],
        collection: str,
        model: type[M] | None = None,
        *,
        filter: Callable[[Change[M]], bool] | Mapping[str, Any] | None = None,
        include_docs: bool = True,
        inactivity: Duration | None = None,
        heartbeat: Duration = 30.0,
        on_recreated: OnRecreated = "restart",
        ensure: bool = True,
    ) -> None:
        selector = selector_of(filter)
        predicate = None if isinstance(filter, Mapping) else filter
        check_feed(model, predicate, include_docs)
        check_flag("ensure", ensure)
        super().__init__(collection, inactivity=inactivity, heartbeat=heartbeat)
        self._locator = Locator(client, collection, may_create=ensure)
        self._options = FeedOptions(
            None if model is None else Schema(model, read_only=True),
            predicate,
            selector,
            include_docs,
            self._heartbeat,
            self._inactivity,
            on_recreated,
        )
        self._checkpoints = Checkpoints(self._locator, self._options)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._locator.name!r})"

    @override
    def follow(
        self, since: str | None = None, *, passed: Callable[[str], object] | None = None
    ) -> Iterator[Change[M]]:
        follower = CouchFollower(
            self._locator, self._options, self._control, position(since), passed
        )
        return follower.changes()

    @override
    def read(self, since: str | None = None, limit: int = 100) -> list[Change[M]]:
        """Return up to `limit` changes after `since`, without waiting.

        Changes that the filter rejects are passed over. Raise InvalidArgument for a position that
        the server does not know, and every error that prevents the reading.
        """
        at, wanted = position(since), list[Change[M]]()
        check_limit(limit)
        with self._database() as database:
            more = True
            while more and len(wanted) < limit:
                changes, at, more = self._batch(database, at, limit)
                wanted += filter(self._options.wanted, changes)
        return wanted[:limit]

    def _batch(
        self, database: Database, since: str, limit: int
    ) -> tuple[list[Change[M]], str, bool]:
        """Return the next changes, the position behind them, and whether more follow."""
        method, params, body = self._options.request(since, limit=limit)
        path = f"{database.path}/_changes"
        reply = database.couch.fetch(method, path, params=params, body=body)
        parser, changes = RowParser(), list[Change[M]]()
        for row in parser.take(reply.content) + parser.finish():
            since = str(row.get("seq") or since)
            if not is_design(row):
                changes.append(self._options.change(row, since))
        if parser.end is None:
            raise unexpected_answer()
        return changes, str(parser.end["last_seq"]), bool(parser.end.get("pending", parser.count))

    @override
    def now(self) -> str:
        with self._database() as database:
            return str((database.info())["update_seq"])

    @override
    def lag(self, since: str | None = None) -> int:
        """Return how many changes follow `since`, those of design documents included."""
        at = position(since)
        with self._database() as database:
            params: Params = {"since": at, "limit": 1}
            reply = database.couch.read("GET", f"{database.path}/_changes", params=params)
        try:
            return max(0, int(reply.get("pending", 0))) + len(reply["results"])
        except (AttributeError, KeyError, TypeError, ValueError):
            raise unexpected_answer() from None

    @contextmanager
    def _database(self) -> Generator[Database, None]:
        """Yield the database; the first time, create it if it is absent and that is allowed."""
        with self._locator.database() as database:
            if self._locator.may_create:
                try:
                    database.info()
                except NotFound:
                    with suppress(Unauthorized, Forbidden):  # then the next request raises NotFound
                        database.create()
                self._locator.may_create = False
            yield database

    @property
    @override
    def checkpoints(self) -> Checkpoints:
        return self._checkpoints

    @property
    @override
    def graveyard(self) -> Graveyard:
        return Graveyard(self._locator)
