"""The store: it opens the backend of a URL and makes patterns over it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar, overload, runtime_checkable

from pydantic import BaseModel

from datapatterns.capabilities import Capabilities, Pattern
from datapatterns.contracts import (
    AsyncCalendarCounter,
    AsyncConcurrencyLimiter,
    AsyncCounter,
    AsyncEmitter,
    AsyncGroups,
    AsyncLeaderboard,
    AsyncRateLimiter,
    AsyncRepository,
    AsyncWorkerFeed,
    AsyncWorkQueue,
)
from datapatterns.contracts._async.transfer import AsyncTransfer
from datapatterns.core.calendar_counter import DEFAULT_BUCKETS
from datapatterns.core.changes import Change
from datapatterns.core.checks import Duration
from datapatterns.core.documents import Document
from datapatterns.core.indexes import Index
from datapatterns.core.options import DEFAULT, Algorithm, ChangeLog, Default, OnRecreated, Retry
from datapatterns.errors import Closed, Unsupported
from datapatterns.patterns._async.work_queue import BACKOFF, LEASE, MAX_ATTEMPTS
from datapatterns.store.registry import backend_of, load

D = TypeVar("D", bound=Document)
M = TypeVar("M", bound=BaseModel)


class AsyncBackend(Protocol):
    """What a store needs of a backend: its capabilities, its patterns, and its client's life.

    A backend of your own has these members; `AsyncStore(backend)` makes patterns over it.
    """

    @property
    def capabilities(self) -> Capabilities:
        """Return what the backend can do; the store refuses all other patterns and options."""
        ...

    async def open(self) -> None:
        """Open the client, unless it is open; called when the store is entered."""
        ...

    def make(self, pattern: Pattern, name: str, options: Mapping[str, Any]) -> Any:
        """Return the pattern of that name over the open client, an instance of its contract.

        `options` are the keyword arguments of the store's factory of that pattern, the `model` too:
        all that every backend has, and of the others those that the caller gave.
        """
        ...

    async def ping(self) -> None:
        """Return if the backend answers, else raise."""
        ...

    async def close(self) -> None:
        """Close the client; what was made over it raises Closed from then on."""
        ...


@runtime_checkable
class AsyncHasTransfer(Protocol):
    """A backend whose data `migrate` can read and write: it has this method besides."""

    def transfer(self) -> AsyncTransfer:
        """Return the reader and writer of everything in the namespace."""
        ...


class AsyncStore:
    """Makes patterns over one backend, whose client it opens and closes.

    `AsyncStore.from_url("level:./data", namespace="app")`, then `async with`. The URL decides:
    `level:PATH`, `redis://`, `rediss://`, `valkey://`, `redis+cluster://h1:p1,h2:p2`,
    `redis+sentinel://h1:p1,h2:p2/service`, `couch+http://`, `couch+https://`. Different namespaces
    never touch each other's state. A pattern that the backend lacks raises Unsupported, an option
    that it lacks InvalidArgument; both name the backends that have it. An option whose default is
    `DEFAULT` is one that not every backend has.

    A LevelDB is opened and locked by `from_url` in the sync face, and on entering the store in the
    async one. To Redis and CouchDB the first command connects. Leaving the store closes it: from
    then on the store and the patterns made from it raise Closed (503). It can be entered again;
    make its patterns again, too.
    """

    def __init__(self, backend: AsyncBackend) -> None:
        """Use `from_url`, unless the backend is one of your own."""
        self._backend = backend
        self._closed = False

    @classmethod
    def from_url(cls, url: str, *, namespace: str = "") -> Self:
        """Return the store at the URL; InvalidArgument names the known schemes.

        The default namespace is `dp` on Redis; elsewhere names then have no prefix. A missing
        driver raises ImportError, which names the extra to install.
        """
        scheme, colon, _ = url.partition(":") if isinstance(url, str) else ("", "", "")  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        return cls(load(backend_of(scheme.lower() if colon else "")).AsyncBackend(url, namespace))

    @property
    def capabilities(self) -> Capabilities:
        """Return what this backend can do."""
        return self._backend.capabilities

    def _check_open(self) -> None:
        if self._closed:
            raise Closed("the store is closed")

    def _make(self, pattern: Pattern, name: str, **options: Any) -> Any:
        """Return the pattern; refuse it, or a given option, if the backend does not have it."""
        self._check_open()
        self.capabilities.require(pattern)
        given = {option: value for option, value in options.items() if value is not DEFAULT}
        for option in given:
            self.capabilities.require_option(pattern, option)
        return self._backend.make(pattern, name, given)

    def _transfer(self) -> AsyncTransfer:
        self._check_open()
        if not isinstance(self._backend, AsyncHasTransfer):
            raise Unsupported(f"{self.capabilities.backend} cannot be migrated from or to yet")
        return self._backend.transfer()

    def counter(self, name: str, *, op_ttl: Duration = 3600.0) -> AsyncCounter:
        """Return the counter of that name, which remembers an `op_id` for `op_ttl`."""
        return self._make("counter", name, op_ttl=op_ttl)

    def calendar_counter(
        self,
        name: str,
        *,
        buckets: Iterable[str] = DEFAULT_BUCKETS,
        keep: Mapping[str, Duration] | None = None,
        op_ttl: Duration = 3600.0,
    ) -> AsyncCalendarCounter:
        """Return the calendar counter of that name.

        It counts by `buckets` (total, year, month and day), each kept for its duration in `keep`
        after its end (default: for ever), and remembers an `op_id` for `op_ttl`.
        """
        return self._make("calendar_counter", name, buckets=buckets, keep=keep, op_ttl=op_ttl)

    def rate_limiter(
        self,
        name: str,
        *,
        limit: int,
        window: Duration,
        algorithm: Algorithm = "sliding",
        subwindows: int = 10,
        burst: int | None = None,
        fail_open: bool = False,
    ) -> AsyncRateLimiter:
        """Return the rate limiter of that name: `limit` hits in a `window`.

        `subwindows` are of `sliding`; `burst`, by default the limit, is of `gcra`. With `fail_open`
        it admits while the backend is not available.
        """
        return self._make(
            "rate_limiter",
            name,
            limit=limit,
            window=window,
            algorithm=algorithm,
            subwindows=subwindows,
            burst=burst,
            fail_open=fail_open,
        )

    def concurrency_limiter(
        self, name: str, *, limit: int, lease: Duration
    ) -> AsyncConcurrencyLimiter:
        """Return the concurrency limiter of that name: `limit` holders, each for a `lease`."""
        return self._make("concurrency_limiter", name, limit=limit, lease=lease)

    @overload
    def work_queue(
        self,
        name: str,
        model: None = None,
        *,
        lease: Duration = LEASE,
        max_attempts: int = MAX_ATTEMPTS,
        backoff: Retry = BACKOFF,
    ) -> AsyncWorkQueue[Any]: ...

    @overload
    def work_queue(
        self,
        name: str,
        model: type[M],
        *,
        lease: Duration = LEASE,
        max_attempts: int = MAX_ATTEMPTS,
        backoff: Retry = BACKOFF,
    ) -> AsyncWorkQueue[M]: ...

    def work_queue(
        self,
        name: str,
        model: type[Any] | None = None,
        *,
        lease: Duration = LEASE,
        max_attempts: int = MAX_ATTEMPTS,
        backoff: Retry = BACKOFF,
    ) -> AsyncWorkQueue[Any]:
        """Return the work queue of that name, of items of the model, else of any JSON.

        An item is held for `lease` (30 s) at a time and handed out `max_attempts` (5) times at
        most; a retry waits for `backoff` (`Backoff(0.5, 60)`).
        """
        return self._make(
            "work_queue",
            name,
            model=model,
            lease=lease,
            max_attempts=max_attempts,
            backoff=backoff,
        )

    def emitter(
        self,
        name: str = "events",
        *,
        durable: bool = False,
        buffer: int = 1024,
        history: int | Default = DEFAULT,
        keep: Duration | Default = DEFAULT,
        heartbeat: Duration | Default = DEFAULT,
        timeout: Duration | Default = DEFAULT,
    ) -> AsyncEmitter:
        """Return an emitter on the channel of that name.

        A listener may lag by `buffer` messages. On Redis a `durable` one stores `history` messages
        (10,000), for `keep` after the last one (7 days); a connection that was silent for three
        times `heartbeat` (5 s) is replaced, and `on` waits for up to `timeout` (10 s).
        """
        return self._make(
            "emitter",
            name,
            durable=durable,
            buffer=buffer,
            history=history,
            keep=keep,
            heartbeat=heartbeat,
            timeout=timeout,
        )

    def groups(self, name: str) -> AsyncGroups:
        """Return the groups of that name."""
        return self._make("groups", name)

    def leaderboard(self, name: str) -> AsyncLeaderboard:
        """Return the leaderboard of that name."""
        return self._make("leaderboard", name)

    def repository(
        self,
        name: str,
        model: type[D],
        *,
        id_from: str | None = None,
        immutable: Iterable[str] = (),
        indexes: Iterable[Index] = (),
        update_model: type[BaseModel] | None = None,
        expires: str | None = None,
        ensure: bool = True,
        change_log: ChangeLog | Default = DEFAULT,
        remember: int | Default = DEFAULT,
        partitioned: bool | Default = DEFAULT,
    ) -> AsyncRepository[D]:
        """Return the repository of that collection.

        `id_from` names the field that gives a new document its id, `immutable` those that never
        change; `update_model` validates changes besides; a document is treated as absent from the
        moment in the field that `expires` names. With `ensure` the first operation prepares
        what is needed. On LevelDB `change_log` is "latest", "full" or None (default: "latest"), on
        Redis `remember` is how many documents are remembered (1000), on CouchDB `partitioned` is
        how the database is created (False).
        """
        return self._make(
            "repository",
            name,
            model=model,
            id_from=id_from,
            immutable=immutable,
            indexes=indexes,
            update_model=update_model,
            expires=expires,
            ensure=ensure,
            change_log=change_log,
            remember=remember,
            partitioned=partitioned,
        )

    @overload
    def changes(
        self,
        name: str,
        model: None = None,
        *,
        filter: Callable[[Change[dict[str, Any]]], bool] | Mapping[str, Any] | None = None,
        include_docs: bool = True,
        inactivity: Duration | None = None,
        heartbeat: Duration = 30.0,
        on_recreated: OnRecreated | Default = DEFAULT,
        ensure: bool | Default = DEFAULT,
    ) -> AsyncWorkerFeed[dict[str, Any]]: ...

    @overload
    def changes(
        self,
        name: str,
        model: type[D],
        *,
        filter: Callable[[Change[D]], bool] | Mapping[str, Any] | None = None,
        include_docs: bool = True,
        inactivity: Duration | None = None,
        heartbeat: Duration = 30.0,
        on_recreated: OnRecreated | Default = DEFAULT,
        ensure: bool | Default = DEFAULT,
    ) -> AsyncWorkerFeed[D]: ...

    def changes(
        self,
        name: str,
        model: type[Any] | None = None,
        *,
        filter: Callable[[Change[Any]], bool] | Mapping[str, Any] | None = None,
        include_docs: bool = True,
        inactivity: Duration | None = None,
        heartbeat: Duration = 30.0,
        on_recreated: OnRecreated | Default = DEFAULT,
        ensure: bool | Default = DEFAULT,
    ) -> AsyncWorkerFeed[Any]:
        """Return the feed of a collection, with documents of the model, else as dicts.

        `filter` chooses the changes; on CouchDB it may be a mapping too, a Mango selector. With
        `inactivity` `follow` raises TimedOut after so long without a change. On CouchDB
        `on_recreated` is "restart" or "fail" (default: "restart"), and `ensure` creates the
        database if it is absent (True).
        """
        return self._make(
            "changes",
            name,
            model=model,
            filter=filter,
            include_docs=include_docs,
            inactivity=inactivity,
            heartbeat=heartbeat,
            on_recreated=on_recreated,
            ensure=ensure,
        )

    async def open(self) -> None:
        """Open the client; entering the store with `async with` does it."""
        await self._backend.open()
        self._closed = False

    async def ping(self) -> None:
        """Return if the backend answers; raise Unavailable, or another error, if it does not."""
        self._check_open()
        await self._backend.ping()

    async def close(self) -> None:
        """Close the client; every later use of the patterns made from it raises Closed."""
        self._closed = True
        await self._backend.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


def transfer_of(store: AsyncStore) -> AsyncTransfer:
    """Return the reader and writer of everything in the store's namespace; or raise Unsupported."""
    return store._transfer()  # pyright: ignore[reportPrivateUsage] - for `migrate`, not for users
