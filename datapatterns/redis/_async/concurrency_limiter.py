"""A limiter of how many holders run at the same time, in Redis."""

from __future__ import annotations

from typing_extensions import override

from datapatterns.core.checks import Duration
from datapatterns.core.documents import new_id
from datapatterns.patterns._async.concurrency_limiter import (
    AsyncBaseConcurrencyLimiter,
    AsyncBaseLease,
)
from datapatterns.redis._async.lua import SCRIPTS
from datapatterns.redis.keys import DEFAULT_NAMESPACE, Keys
from datapatterns.redis.wire._async.pools import AsyncRedisClient


class AsyncLease(AsyncBaseLease):
    """A member of the subject's sorted set, whose score is the time at which the lease ends."""

    def __init__(self, client: AsyncRedisClient, key: bytes, token: str, lease: int) -> None:
        super().__init__(token, lease)
        self.redis = client
        self._key = key

    @override
    async def release(self) -> bool:
        reply = await SCRIPTS.write(
            self.redis, "concurrency_limiter/release", [self._key], [self.token]
        )
        return bool(reply)

    @override
    async def _extend(self, lease: int) -> bool:
        args: list[str | int] = [self.token, lease]
        return bool(
            await SCRIPTS.write(self.redis, "concurrency_limiter/extend", [self._key], args)
        )


class AsyncConcurrencyLimiter(AsyncBaseConcurrencyLimiter):
    """Lets at most `limit` holders run at a time for each subject.

    A subject has one sorted set with a token for each holder; its score is the time at which the
    lease ends, by the server's clock. `acquire` is one script, one step and one round trip:

    1. Count the leases that have not ended; return None if there are `limit` of them.
    2. Add one that ends `lease` seconds from now, and remove those that have ended.

    A holder that works for longer than `lease` seconds calls `extend` in time. A holder that dies
    loses its lease at the end of that time, and so does an `acquire` whose reply was lost
    (OutcomeUnknown). The set expires with its last lease. Each call is O(log limit).
    """

    def __init__(
        self,
        client: AsyncRedisClient,
        name: str,
        *,
        limit: int,
        lease: Duration,
        namespace: str = DEFAULT_NAMESPACE,
    ) -> None:
        super().__init__(limit=limit, lease=lease)
        self.redis = client
        self._keys = Keys.of(namespace, "concurrency", name)

    @override
    async def acquire(self, subject: str) -> AsyncLease | None:
        key = self._keys.about(subject)("leases")
        token = new_id()
        args: list[str | int] = [token, self._limit, self._lease]
        if not await SCRIPTS.write(self.redis, "concurrency_limiter/acquire", [key], args):
            return None
        return AsyncLease(self.redis, key, token, self._lease)
