"""LevelDB for the store: what `level:PATH` opens, and which class is which pattern there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from datapatterns.capabilities import LEVEL, Pattern
from datapatterns.core.checks import escape
from datapatterns.errors import InvalidArgument, Unavailable
from datapatterns.level import (
    AsyncCalendarCounter,
    AsyncChangesFeed,
    AsyncConcurrencyLimiter,
    AsyncCounter,
    AsyncEmitter,
    AsyncGroups,
    AsyncLeaderboard,
    AsyncLevel,
    AsyncRateLimiter,
    AsyncRepository,
    AsyncWorkQueue,
    CalendarCounter,
    ChangesFeed,
    ConcurrencyLimiter,
    Counter,
    Emitter,
    Groups,
    Leaderboard,
    Level,
    RateLimiter,
    Repository,
    WorkQueue,
)
from datapatterns.level._async.transfer import AsyncTransfer
from datapatterns.level._sync.transfer import Transfer

_SYNC = {"always": True, "never": False}


def parse_url(url: str) -> tuple[str, dict[str, Any]]:
    """Return the path in `level:PATH`, and its options (`?sync=always`, `never`) for `open`."""
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
    """An open LevelDB directory, and the namespace's sublevel in it."""

    capabilities = LEVEL
    patterns: ClassVar[Mapping[Pattern, Callable[..., Any]]] = {
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

    def make(self, pattern: Pattern, name: str, options: Mapping[str, Any]) -> Any:
        """Return the pattern of that name."""
        return self.patterns[pattern](self._client, name, **options)

    def transfer(self) -> Transfer:
        """Return the reader and writer of everything in the namespace."""
        return Transfer(self._client)

    def ping(self) -> None:
        """Read one key."""
        self._level.has("ping")

    def close(self) -> None:
        """Close the directory."""
        self._open = False
        self._level.close()


class AsyncBackend:
    """`Backend` for asyncio; the directory is opened when the store is entered."""

    capabilities = LEVEL
    patterns: ClassVar[Mapping[Pattern, Callable[..., Any]]] = {
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

    def make(self, pattern: Pattern, name: str, options: Mapping[str, Any]) -> Any:
        """Return the pattern of that name; Unavailable before the directory is open."""
        return self.patterns[pattern](self._opened(), name, **options)

    def transfer(self) -> AsyncTransfer:
        """Return the reader and writer of everything in the namespace."""
        return AsyncTransfer(self._opened())

    def _opened(self) -> AsyncLevel:
        if self._client is None:
            raise Unavailable("the store is not open yet: enter it with `async with`")
        return self._client

    async def ping(self) -> None:
        """Read one key."""
        await self._opened().has("ping")

    async def close(self) -> None:
        """Close the directory."""
        level, self._level, self._client = self._level, None, None
        if level is not None:
            await level.close()
