"""LevelDB for the store: what `level:PATH` opens, and which class is which pattern."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from datapatterns.capabilities import LEVEL, Pattern
from datapatterns.checks import escape
from datapatterns.errors import InvalidArgument, Unavailable
from datapatterns.kits import build
from datapatterns.level._async.calendar_counter import AsyncCalendarCounter
from datapatterns.level._async.changes import AsyncChangesFeed
from datapatterns.level._async.concurrency_limiter import AsyncConcurrencyLimiter
from datapatterns.level._async.counter import AsyncCounter
from datapatterns.level._async.emitter import AsyncEmitter
from datapatterns.level._async.groups import AsyncGroups
from datapatterns.level._async.leaderboard import AsyncLeaderboard
from datapatterns.level._async.level import AsyncLevel
from datapatterns.level._async.rate_limiter import AsyncRateLimiter
from datapatterns.level._async.repository import AsyncRepository
from datapatterns.level._async.transfer import AsyncTransfer
from datapatterns.level._async.work_queue import AsyncWorkQueue
from datapatterns.level._sync.calendar_counter import CalendarCounter
from datapatterns.level._sync.changes import ChangesFeed
from datapatterns.level._sync.concurrency_limiter import ConcurrencyLimiter
from datapatterns.level._sync.counter import Counter
from datapatterns.level._sync.emitter import Emitter
from datapatterns.level._sync.groups import Groups
from datapatterns.level._sync.leaderboard import Leaderboard
from datapatterns.level._sync.rate_limiter import RateLimiter
from datapatterns.level._sync.repository import Repository
from datapatterns.level._sync.transfer import Transfer
from datapatterns.level._sync.work_queue import WorkQueue
from datapatterns.level.level import Level

_SYNC = {"always": True, "never": False}

PATTERNS: dict[Pattern, Any] = {
    "counter": Counter,
    "calendar_counter": CalendarCounter,
    "rate_limiter": RateLimiter,
    "concurrency_limiter": ConcurrencyLimiter,
    "emitter": Emitter,
    "groups": Groups,
    "leaderboard": Leaderboard,
    "work_queue": WorkQueue,
    "repository": Repository,
    "changes": ChangesFeed,
}

ASYNC_PATTERNS: dict[Pattern, Any] = {
    "counter": AsyncCounter,
    "calendar_counter": AsyncCalendarCounter,
    "rate_limiter": AsyncRateLimiter,
    "concurrency_limiter": AsyncConcurrencyLimiter,
    "emitter": AsyncEmitter,
    "groups": AsyncGroups,
    "leaderboard": AsyncLeaderboard,
    "work_queue": AsyncWorkQueue,
    "repository": AsyncRepository,
    "changes": AsyncChangesFeed,
}


def parse_url(url: str) -> tuple[str, dict[str, Any]]:
    """The path in `level:PATH`, and what its options (`?sync=always`, `never`) mean to `open`."""
    path, _, query = url.removeprefix("level:").partition("?")
    if path.startswith("///"):
        path = path[2:]  # level:///srv/data, as with file URLs
    if not path or path.startswith("//"):
        raise InvalidArgument("a LevelDB's URL is level: and a path, without //: level:./data")
    options: dict[str, Any] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name != "sync" or value not in _SYNC:
            raise InvalidArgument("the options of a level: URL are sync=always and sync=never")
        options["sync"] = _SYNC[value]
    return path, options


class Backend:
    """An open LevelDB directory, and below it the namespace."""

    capabilities = LEVEL

    def __init__(self, url: str, namespace: str) -> None:
        self._path, self._options = parse_url(url)
        self._namespace = namespace
        self._open = False
        self.open()

    def open(self) -> None:
        """Open the directory, unless it is open."""
        if not self._open:
            self._level = level = Level.open(self._path, **self._options)
            self._client = level.sublevel(escape(self._namespace)) if self._namespace else level
            self._open = True

    def make(self, pattern: Pattern, name: str, *arguments: Any, **options: Any) -> Any:
        """Return the pattern of that name."""
        kind = PATTERNS[pattern]
        return build("level", pattern, kind, self._client, name, *arguments, options=options)

    def transfer(self) -> Transfer:
        """Return what reads and adds everything in the namespace."""
        return Transfer(self._client)

    def ping(self) -> None:
        """Read one key."""
        self._level.has("ping")

    def close(self) -> None:
        """Close the directory."""
        self._open = False
        self._level.close()


class AsyncBackend:
    """The same for asyncio; opened when the store is entered."""

    capabilities = LEVEL

    def __init__(self, url: str, namespace: str) -> None:
        path, options = parse_url(url)
        self._opening = AsyncLevel.open(path, **options)
        self._namespace = namespace
        self._level: AsyncLevel | None = None
        self._client: AsyncLevel | None = None

    async def open(self) -> None:
        """Open the directory."""
        if self._level is not None:
            return
        self._level = level = await self._opening
        self._client = level.sublevel(escape(self._namespace)) if self._namespace else level

    def make(self, pattern: Pattern, name: str, *arguments: Any, **options: Any) -> Any:
        """Return the pattern of that name."""
        if self._client is None:
            raise Unavailable("the store is not open yet: enter it with `async with`")
        kind = ASYNC_PATTERNS[pattern]
        return build("level", pattern, kind, self._client, name, *arguments, options=options)

    def transfer(self) -> AsyncTransfer:
        """Return what reads and adds everything in the namespace."""
        if self._client is None:
            raise Unavailable("the store is not open yet: enter it with `async with`")
        return AsyncTransfer(self._client)

    async def ping(self) -> None:
        """Read one key."""
        if self._level is None:
            raise Unavailable("the store is not open yet: enter it with `async with`")
        await self._level.has("ping")

    async def close(self) -> None:
        """Close the directory."""
        level, self._level, self._client = self._level, None, None
        if level is not None:
            await level.close()
