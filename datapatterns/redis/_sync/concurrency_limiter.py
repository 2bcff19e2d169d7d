# Generated from datapatterns/redis/_async/concurrency_limiter.py by scripts/unasync.py; do not edit.
"""A limiter of how many do something at the same time, in Redis."""

from __future__ import annotations

import logging
from types import TracebackType
from typing import Self

from datapatterns.checks import Duration
from datapatterns.documents import new_id
from datapatterns.errors import DataError
from datapatterns.integers import check_count, check_seconds, microseconds
from datapatterns.limits import MOST, lease_lost
from datapatterns.redis._sync.lua import SCRIPTS
from datapatterns.redis._sync.pools import RedisClient
from datapatterns.redis.keys import DEFAULT_NAMESPACE, Keys

logger = logging.getLogger("datapatterns.redis")


class Lease:
    """A place held in a ConcurrencyLimiter, until it is released or its time is over.

    As a context manager it is released at the end. If that fails it is logged, not raised: the
    place comes back by itself, and what the block did is done.
    """

    def __init__(self, client: RedisClient, key: bytes, token: str, lease: int) -> None:
        self.redis = client
        self.token = token
        self._key = key
        self._lease = lease

    def release(self) -> bool:
        """Give the place back; return False if it had expired, or was given back already."""
        return bool(SCRIPTS.write(self.redis, "concurrency_release", [self._key], [self.token]))

    def extend(self, seconds: Duration | None = None) -> None:
        """Hold it for that long from now (default: the limiter's lease), or raise Conflict."""
        span = self._lease if seconds is None else microseconds(check_seconds("seconds", seconds))
        args: list[str | int] = [self.token, span]
        if not SCRIPTS.write(self.redis, "concurrency_extend", [self._key], args):
            raise lease_lost()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.release()
        except DataError as failure:
            message = "a lease could not be released and will expire: %s"
            logger.warning(message, failure, extra={"code": failure.code})


class ConcurrencyLimiter:
    """At most `limit` holders per subject at a time; a dead holder's place comes back.

    One sorted set a subject holds a token for each holder, by the time at which its lease ends on
    the server's clock. `acquire` is one script, hence one step and one round trip:

    1. Count the leases that have not ended; if there are `limit` of them, that is all.
    2. Add one that ends `lease` seconds from now, and remove those that have ended.

    A holder that works for longer than `lease` seconds calls `extend` in time; one that dies loses
    its place at the end of its lease. So does an `acquire` whose reply was lost (OutcomeUnknown).
    The set expires with its last lease. O(log limit) each.
    """

    def __init__(
        self,
        client: RedisClient,
        name: str,
        *,
        limit: int,
        lease: Duration,
        namespace: str = DEFAULT_NAMESPACE,
    ) -> None:
        self.redis = client
        self._keys = Keys.of(namespace, "concurrency", name)
        self._limit = check_count("limit", limit, most=MOST)
        self._lease = microseconds(check_seconds("lease", lease))

    def acquire(self, subject: str) -> Lease | None:
        """Return a lease, or None if all places are taken."""
        key = self._keys.about(subject)("leases")
        token = new_id()
        args: list[str | int] = [token, self._limit, self._lease]
        if not SCRIPTS.write(self.redis, "concurrency_acquire", [key], args):
            return None
        return Lease(self.redis, key, token, self._lease)
