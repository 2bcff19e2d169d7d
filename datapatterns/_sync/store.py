# Generated from datapatterns/_async/store.py by scripts/unasync.py; do not edit.
"""One store over any backend: a URL in, patterns out."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar
from urllib.parse import urlsplit

from datapatterns._sync.contracts import (
    CalendarCounter,
    ConcurrencyLimiter,
    Counter,
    Emitter,
    Groups,
    Leaderboard,
    RateLimiter,
    Repository,
    WorkerFeed,
    WorkQueue,
)
from datapatterns._sync.transfer import Transfer
from datapatterns.capabilities import Capabilities, Pattern
from datapatterns.checks import Duration
from datapatterns.documents import Document
from datapatterns.errors import Closed, InvalidArgument, Unsupported

D = TypeVar("D", bound=Document)

# Which module serves which scheme; it is imported only when one is asked for.
SCHEMES = {
    "level": "datapatterns.level.kit",
    "redis": "datapatterns.redis.kit",
    "rediss": "datapatterns.redis.kit",
    "valkey": "datapatterns.redis.kit",
    "redis+cluster": "datapatterns.redis.kit",
    "redis+sentinel": "datapatterns.redis.kit",
    "couch+http": "datapatterns.couch.kit",
    "couch+https": "datapatterns.couch.kit",
}


class Backend(Protocol):
    """What a backend's kit has: a class of this name, made with the URL and the namespace."""

    capabilities: Capabilities

    def open(self) -> None:
        """Open the client."""
        ...

    def make(self, pattern: Pattern, name: str, *arguments: Any, **options: Any) -> Any:
        """Return the pattern of that name over the open client."""
        ...

    def transfer(self) -> Transfer:
        """Return what reads and adds everything in the namespace, for `migrate`."""
        ...

    def ping(self) -> None:
        """Return if the backend answers, else raise."""
        ...

    def close(self) -> None:
        """Close the client."""
        ...


class Store:
    """Builds patterns over one backend, whose client it opens and closes.

    `Store.from_url("level:./data", namespace="app")`, then `with`. The URL decides:
    `level:PATH`, `redis://`, `rediss://`, `valkey://`, `redis+cluster://h1:p1,h2:p2`,
    `redis+sentinel://h1:p1,h2:p2/service`, `couch+http://`, `couch+https://`. Different namespaces
    never touch each other's state. A pattern that the backend lacks raises Unsupported, naming
    those that have it.

    A LevelDB is opened, and locked, by `from_url` in the sync face and on entering in the async
    one; Redis and CouchDB are connected to by the first command. Leaving closes it: from then on
    it and the patterns made from it raise Closed (503). Entered again it is opened anew, and its
    patterns are to be made anew, too.
    """

    def __init__(self, backend: Backend) -> None:
        """Use `from_url`, unless the backend is one of your own."""
        self._backend = backend
        self._closed = False

    @classmethod
    def from_url(cls, url: str, *, namespace: str = "") -> Self:
        """Return the store at the URL; InvalidArgument names the known schemes.

        Without a namespace there is none, and in Redis it is `dp`. A missing driver is an
        ImportError that names the extra to install.
        """
        scheme = urlsplit(url).scheme if isinstance(url, str) else ""  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        if scheme not in SCHEMES:
            raise InvalidArgument(_no_store(scheme))
        backend = getattr(import_module(SCHEMES[scheme]), "Backend")  # noqa: B009 - the name differs in the other face
        return cls(backend(url, namespace))

    @property
    def capabilities(self) -> Capabilities:
        """What this backend can do."""
        return self._backend.capabilities

    def _check_open(self) -> None:
        if self._closed:
            raise Closed("the store is closed")

    def _make(self, pattern: Pattern, name: str, *arguments: Any, **options: Any) -> Any:
        self._check_open()
        self.capabilities.require(pattern)
        return self._backend.make(pattern, name, *arguments, **options)

    def counter(self, name: str, **options: Any) -> Counter:
        """Return the counter of that name. Option: `op_ttl` (3600 s)."""
        return self._make("counter", name, **options)

    def calendar_counter(self, name: str, **options: Any) -> CalendarCounter:
        """Return the calendar counter of that name.

        Options: `buckets` (total, year, month and day), `keep` (for ever), `op_ttl` (3600 s).
        """
        return self._make("calendar_counter", name, **options)

    def rate_limiter(
        self, name: str, *, limit: int, window: Duration, **options: Any
    ) -> RateLimiter:
        """Return the rate limiter of that name: `limit` hits in `window` seconds.

        Options: `algorithm` ("sliding"), `subwindows` (10), `burst` (`limit`), `fail_open` (False).
        """
        return self._make("rate_limiter", name, limit=limit, window=window, **options)

    def concurrency_limiter(self, name: str, *, limit: int, lease: Duration) -> ConcurrencyLimiter:
        """Return the concurrency limiter of that name: `limit` holders, `lease` seconds each."""
        return self._make("concurrency_limiter", name, limit=limit, lease=lease)

    def work_queue(
        self, name: str, model: type[Any] | None = None, **options: Any
    ) -> WorkQueue[Any]:
        """Return the work queue of that name, of items of the model, else of any JSON.

        Options: `lease` (30 s), `max_attempts` (5), `backoff` (`Backoff(0.5, 60)`).
        """
        return self._make("work_queue", name, model, **options)

    def emitter(self, name: str = "events", **options: Any) -> Emitter:
        """Return an emitter on the channel of that name.

        Options: `durable` (False), `buffer` (1024 messages); on Redis `history` (10,000 messages),
        `keep` (7 days, in seconds), `heartbeat` (5 s), `timeout` (10 s).
        """
        return self._make("emitter", name, **options)

    def groups(self, name: str) -> Groups:
        """Return the groups of that name."""
        return self._make("groups", name)

    def leaderboard(self, name: str) -> Leaderboard:
        """Return the leaderboard of that name."""
        return self._make("leaderboard", name)

    def repository(self, name: str, model: type[D], **options: Any) -> Repository[D]:
        """Return the repository of that collection.

        Options: `id_from` (None), `immutable` and `indexes` (none), `update_model` (None), `ensure`
        (True); on LevelDB `change_log` ("latest"), on Redis `remember` (1000 documents), on CouchDB
        `partitioned` (False).
        """
        return self._make("repository", name, model, **options)

    def changes(self, name: str, model: type[D] | None = None, **options: Any) -> WorkerFeed[Any]:
        """Return the feed of a collection, with documents of the model, else as dicts.

        Options: `filter` (None), `include_docs` (True), `inactivity` (None, else seconds),
        `heartbeat` (30 s); on CouchDB `on_recreated` ("restart"), `ensure` (True).
        """
        return self._make("changes", name, model, **options)

    def transfer(self) -> Transfer:
        """Return what reads and adds everything in the namespace, for `migrate`; or Unsupported."""
        self._check_open()
        if not hasattr(self._backend, "transfer"):
            raise Unsupported(f"{self.capabilities.backend} cannot be migrated from or to yet")
        return self._backend.transfer()

    def open(self) -> None:
        """Open the client; entering the store with `with` does it."""
        self._backend.open()
        self._closed = False

    def ping(self) -> None:
        """Return if the backend answers; Unavailable, or what else is wrong, if not."""
        self._check_open()
        self._backend.ping()

    def close(self) -> None:
        """Close the client; every later use of the patterns made from it is Closed."""
        self._closed = True
        self._backend.close()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _no_store(scheme: str) -> str:
    """Why that is no scheme, and what may have been meant."""
    message = f"the URL of a store begins with one of: {', '.join(SCHEMES)}"
    for meant in get_close_matches(scheme, SCHEMES, n=1, cutoff=0.5):
        message += f"; for {scheme}: it is {meant}:{'' if meant == 'level' else '//'}"
    return message
