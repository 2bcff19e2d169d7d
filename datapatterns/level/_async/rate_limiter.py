"""Rate limits in LevelDB."""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import override

from datapatterns.core.checks import Duration, check_name
from datapatterns.core.decisions import Decision
from datapatterns.core.options import Algorithm
from datapatterns.core.rate_limiter import Outcome, Policy
from datapatterns.level._async.level import AsyncLevel
from datapatterns.level.engine.space import AsyncSpace
from datapatterns.level.steps.rate_limiter import RateLimiterSteps
from datapatterns.patterns._async.rate_limiter import AsyncBaseRateLimiter


class AsyncRateLimiter(AsyncBaseRateLimiter):
    """Never admits more than `limit` in any interval of length `window`, by this machine's clock.

    The state of a subject is one small value. A hit reads it, decides by the arithmetic of
    `datapatterns.core.rate_limiter` and writes it, in one step under the engine's write lock; a
    refused hit writes nothing.

    - `sliding` (the default) counts in `subwindows` parts of the window; the oldest one counts
      in full as long as any of it is within the window. That is why the promise holds whatever the
      timing, and why capacity returns up to window/subwindows late: under steady overload at least
      subwindows/(subwindows+1) of the quota is admitted.
    - `fixed`: windows that start at the first hit. Up to 2 x limit around the end of one.
    - `gcra`: a steady pace of limit/window, and up to `burst` (default: limit) at once. Up to
      limit + burst in an interval of the length of the window.

    State that is worth nothing any more is removed by later writes. With `fail_open` a hit on a
    closed level is admitted, marked `degraded`, and logged. Each call is O(subwindows).
    """

    def __init__(
        self,
        client: AsyncLevel,
        name: str,
        *,
        limit: int,
        window: Duration,
        algorithm: Algorithm = "sliding",
        subwindows: int = 10,
        burst: int | None = None,
        fail_open: bool = False,
    ) -> None:
        self._space = AsyncSpace.of(client)
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
        self._steps = RateLimiterSteps(self._space.prefix, policies, self._parts())

    @property
    @override
    def _scope(self) -> object:
        return id(self._space.engine), self._space.prefix

    @override
    async def _hit(self, subject: str, cost: int) -> Decision:
        check_name("a subject", subject)
        return self._decision(_verdicts(await self._space.write(self._steps.charge, subject, cost)))

    @override
    async def _peek(self, subject: str, cost: int) -> Decision:
        check_name("a subject", subject)
        return self._decision(_verdicts(await self._space.read(self._steps.decide, subject, cost)))

    @override
    async def reset(self, subject: str) -> None:
        await self._space.write(self._steps.reset, check_name("a subject", subject))


def _verdicts(outcomes: Sequence[Outcome]) -> list[tuple[int, int, int, int]]:
    """Return the figures of each limit's outcome."""
    return [(it.allowed, it.remaining, it.retry_after, it.reset_after) for it in outcomes]
