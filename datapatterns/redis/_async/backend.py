"""Redis for the store: what its URL opens, and which class is which pattern there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, ClassVar

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import FullJitterBackoff
from redis.exceptions import RedisError

from datapatterns.capabilities import REDIS, Pattern
from datapatterns.redis._async.calendar_counter import AsyncCalendarCounter
from datapatterns.redis._async.concurrency_limiter import AsyncConcurrencyLimiter
from datapatterns.redis._async.counter import AsyncCounter
from datapatterns.redis._async.emitter import AsyncEmitter
from datapatterns.redis._async.groups import AsyncGroups
from datapatterns.redis._async.leaderboard import AsyncLeaderboard
from datapatterns.redis._async.rate_limiter import AsyncRateLimiter
from datapatterns.redis._async.repository import AsyncRepository
from datapatterns.redis._async.transfer import AsyncTransfer
from datapatterns.redis._async.work_queue import AsyncWorkQueue
from datapatterns.redis.keys import DEFAULT_NAMESPACE, Keys
from datapatterns.redis.wire._async.pools import AsyncRedisClient, new_connection
from datapatterns.redis.wire.closing import is_closed, note_closed
from datapatterns.redis.wire.errors import redis_errors
from datapatterns.redis.wire.urls import TIMEOUTS, RedisUrl, bad_options, parse_url

_Redis: Any = Redis
_Node: Any = ClusterNode  # the driver's own types are incomplete
_Sentinel: Any = Sentinel


class AsyncBackend:
    """A client for the URL, and the namespace that its patterns share, by default `dp`.

    Nothing connects before the first command, except that a cluster is asked for its nodes.
    """

    capabilities = REDIS
    patterns: ClassVar[Mapping[Pattern, Callable[..., Any]]] = {
        "counter": AsyncCounter,
        "calendar_counter": AsyncCalendarCounter,
        "rate_limiter": AsyncRateLimiter,
        "concurrency_limiter": AsyncConcurrencyLimiter,
        "work_queue": AsyncWorkQueue,
        "emitter": AsyncEmitter,
        "groups": AsyncGroups,
        "leaderboard": AsyncLeaderboard,
        "repository": AsyncRepository,
    }
    _address = ""

    def __init__(self, url: str, namespace: str = "") -> None:
        self._namespace = namespace or DEFAULT_NAMESPACE
        Keys.of(self._namespace, "check")
        self._url = parse_url(url)
        self._address = self._url.address
        self._sentinels: list[Redis] = []
        with redis_errors():
            self.client = self._connect(self._url)

    def _connect(self, url: RedisUrl) -> AsyncRedisClient:
        """Return a client that repeats reads when a connection was lost, and never writes."""
        again = Retry(FullJitterBackoff(cap=0.5, base=0.02), 3)
        if url.kind == "cluster":
            nodes = [_Node(host, port) for host, port in url.nodes]
            options: dict[str, Any] = {**TIMEOUTS, "retry": again, **url.options}
            return RedisCluster(startup_nodes=nodes, **options)
        if url.kind == "sentinel":
            asking = {**TIMEOUTS, "retry": again}
            sentinel = _Sentinel(list(url.nodes), sentinel_kwargs=asking)
            self._sentinels = list(sentinel.sentinels)
            options = {**TIMEOUTS, "retry": again, **url.options}
            client: Redis = sentinel.master_for(url.service, **options)
            return client
        with suppress(TypeError, ValueError, RedisError):  # they may quote a password
            options = {**TIMEOUTS, "retry": again}
            one: Redis = _Redis.from_url(url.url, **options)
            new_connection(one.connection_pool)  # the driver looks at most options only here
            return one
        raise bad_options(url.url)

    async def open(self) -> None:
        """Replace a client that was closed; any other connects by itself."""
        if is_closed(self.client):
            with redis_errors():
                self.client = self._connect(self._url)

    def make(self, pattern: Pattern, name: str, options: Mapping[str, Any]) -> Any:
        """Return the pattern of that name."""
        return self.patterns[pattern](self.client, name, namespace=self._namespace, **options)

    def transfer(self) -> AsyncTransfer:
        """Return the reader and writer of everything in the namespace."""
        return AsyncTransfer(self.client, namespace=self._namespace, address=self._address)

    async def ping(self) -> None:
        """Return if the server answers, else raise."""
        untyped: Any = self.client
        with redis_errors():
            await untyped.ping()

    async def close(self) -> None:
        """Close the client."""
        for client in (self.client, *self._sentinels):
            note_closed(client)
            await client.aclose()
