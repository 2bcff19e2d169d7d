# Generated from datapatterns/redis/_async/backend.py by scripts/unasync.py; do not edit.
"""Redis for the store: what its URL opens, and which class is which pattern."""

from __future__ import annotations

from typing import Any

from redis import Redis, RedisCluster
from redis.backoff import FullJitterBackoff
from redis.cluster import ClusterNode
from redis.exceptions import RedisError
from redis.retry import Retry
from redis.sentinel import Sentinel

from datapatterns.capabilities import REDIS, Pattern
from datapatterns.kits import build
from datapatterns.redis._sync.calendar_counter import CalendarCounter
from datapatterns.redis._sync.concurrency_limiter import ConcurrencyLimiter
from datapatterns.redis._sync.counter import Counter
from datapatterns.redis._sync.emitter import Emitter
from datapatterns.redis._sync.groups import Groups
from datapatterns.redis._sync.leaderboard import Leaderboard
from datapatterns.redis._sync.pools import RedisClient, new_connection
from datapatterns.redis._sync.rate_limiter import RateLimiter
from datapatterns.redis._sync.repository import Repository
from datapatterns.redis._sync.transfer import Transfer
from datapatterns.redis._sync.work_queue import WorkQueue
from datapatterns.redis.closing import is_closed, note_closed
from datapatterns.redis.errors import redis_errors
from datapatterns.redis.keys import DEFAULT_NAMESPACE, Keys
from datapatterns.redis.urls import TIMEOUTS, RedisUrl, bad_options, parse_url

_Redis: Any = Redis
_Node: Any = ClusterNode  # the driver's own types are incomplete
_Sentinel: Any = Sentinel

PATTERNS: dict[Pattern, Any] = {
    "counter": Counter,
    "calendar_counter": CalendarCounter,
    "rate_limiter": RateLimiter,
    "concurrency_limiter": ConcurrencyLimiter,
    "work_queue": WorkQueue,
    "emitter": Emitter,
    "groups": Groups,
    "leaderboard": Leaderboard,
    "repository": Repository,
}


class Backend:
    """A client for the URL, and the namespace that its patterns share; without one it is `dp`.

    Nothing connects before the first command, except that a cluster is asked for its nodes.
    """

    capabilities = REDIS
    _address = ""

    def __init__(self, url: str, namespace: str = "") -> None:
        self._namespace = namespace or DEFAULT_NAMESPACE
        Keys.of(self._namespace, "check")
        self._url = parse_url(url)
        self._address = self._url.address
        self._sentinels: list[Redis] = []
        with redis_errors():
            self.client = self._connect(self._url)

    def _connect(self, url: RedisUrl) -> RedisClient:
        """The client. Reads are tried again when a connection was lost; writes never are."""
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
        try:
            options = {**TIMEOUTS, "retry": again}
            one: Redis = _Redis.from_url(url.url, **options)
            new_connection(one.connection_pool)  # the driver looks at most options only here
        except (TypeError, ValueError, RedisError) as error:
            raise bad_options(url.url) from error
        return one

    def open(self) -> None:
        """It connects by itself, but a client that was closed is of no more use."""
        if is_closed(self.client):
            with redis_errors():
                self.client = self._connect(self._url)

    def make(self, pattern: Pattern, name: str, *arguments: Any, **options: Any) -> Any:
        """Return the pattern of that name; InvalidArgument for an option that it does not have."""
        kind, own = PATTERNS[pattern], {"namespace": self._namespace}
        return build("redis", pattern, kind, self.client, name, *arguments, options=options, **own)

    def transfer(self) -> Transfer:
        """Return what reads and adds everything in the namespace."""
        return Transfer(self.client, namespace=self._namespace, address=self._address)

    def ping(self) -> None:
        """Return if the server answers, else raise."""
        untyped: Any = self.client
        with redis_errors():
            untyped.ping()

    def close(self) -> None:
        """Close the client."""
        for client in (self.client, *self._sentinels):
            note_closed(client)
            client.close()
