"""A rate limiter in Redis."""

from __future__ import annotations

from typing_extensions import override

from datapatterns.core.checks import Duration
from datapatterns.core.decisions import Decision
from datapatterns.core.options import Algorithm
from datapatterns.core.rate_limiter import Policy
from datapatterns.patterns._async.rate_limiter import AsyncBaseRateLimiter
from datapatterns.redis._async.lua import SCRIPTS
from datapatterns.redis.keys import DEFAULT_NAMESPACE, Keys
from datapatterns.redis.wire._async.commands import write
from datapatterns.redis.wire._async.pools import AsyncRedisClient

_FIGURES = 4  # in the script's reply, for each limit


class AsyncRateLimiter(AsyncBaseRateLimiter):
    """Never admits more than `limit` in any interval of length `window`, by the server's clock.

    One script, one round trip, and one small hash for each subject and limit. The script reads the
    server's time, so that no client's clock matters:

    - `sliding` (the default) counts in `subwindows` parts of the window. The oldest part counts in
      full as long as any of it is within the window. So the promise holds whatever the timing, and
      capacity returns up to window/subwindows late: under steady overload at least
      subwindows/(subwindows+1) of the quota is admitted.
    - `fixed` counts in windows that begin at the first hit. Up to 2 x limit is admitted around the
      end of one.
    - `gcra` admits at a steady pace of limit/window, and up to `burst` (default: limit) at once. Up
      to limit + burst is admitted in an interval of the length of the window.

    A refused hit charges nothing and writes nothing. The state expires by itself, at the latest two
    windows after the last admitted hit. A subject's limits share a hash tag, so that
    `RateLimiter.all_of([per_second, per_day]).hit(subject)` charges all or none in one step, on a
    cluster, too. Each call is O(subwindows).

    With `fail_open` a hit is admitted while Redis cannot be reached, marked as `degraded`, and
    logged. When a replica takes over, the hits that it has not received are lost.
    """

    def __init__(
        self,
        client: AsyncRedisClient,
        name: str,
        *,
        limit: int,
        window: Duration,
        algorithm: Algorithm = "sliding",
        subwindows: int = 10,
        burst: int | None = None,
        fail_open: bool = False,
        namespace: str = DEFAULT_NAMESPACE,
    ) -> None:
        self.redis = client
        self._keys = Keys.of(namespace, "limiter")
        super().__init__(
            name,
            limit=limit,
            window=window,
            algorithm=algorithm,
            subwindows=subwindows,
            burst=burst,
            fail_open=fail_open,
        )

    @override
    def _use(self, policies: tuple[Policy, ...]) -> None:
        super()._use(policies)
        self._subject_keys = self._keys.of_each(self._parts())
        self._args = [
            fact
            for policy in policies
            for fact in (policy.algorithm, policy.limit, policy.step, policy.room)
        ]

    @property
    @override
    def _scope(self) -> object:
        return id(self.redis), self._keys

    @override
    async def _hit(self, subject: str, cost: int) -> Decision:
        keys, args = self._call(subject, cost, "hit")
        reply = await SCRIPTS.write(self.redis, "rate_limiter/decide", keys, args)
        return self._decision(_verdicts(reply))

    @override
    async def _peek(self, subject: str, cost: int) -> Decision:
        keys, args = self._call(subject, cost, "peek")
        reply = await SCRIPTS.read(self.redis, "rate_limiter/decide", keys, args)
        return self._decision(_verdicts(reply))

    @override
    async def reset(self, subject: str) -> None:
        keys = self._subject_keys(subject)
        await write(self.redis, "DEL", *keys, key=keys[0])

    def _call(self, subject: str, cost: int, mode: str) -> tuple[list[bytes], list[str | int]]:
        """Return the keys and arguments of the script."""
        return self._subject_keys(subject), [cost, mode, *self._args]


def _verdicts(reply: list[int]) -> list[list[int]]:
    """Return the script's figures, one list for each limit."""
    if len(reply) == _FIGURES:  # by far the most usual
        return [reply]
    return [reply[at : at + _FIGURES] for at in range(0, len(reply), _FIGURES)]
