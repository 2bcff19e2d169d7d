# Generated from datapatterns/level/_async/concurrency_limiter.py by scripts/unasync.py; do not edit.
"""A limiter of how many do something at the same time, in LevelDB."""

from __future__ import annotations

from typing_extensions import override

from datapatterns.core.checks import Duration, check_name
from datapatterns.core.documents import new_id
from datapatterns.level._sync.level import Level
from datapatterns.level.engine.space import Space
from datapatterns.level.steps.concurrency_limiter import ConcurrencyLimiterSteps
from datapatterns.patterns._sync.concurrency_limiter import (
    BaseConcurrencyLimiter,
    BaseLease,
)


class Lease(BaseLease):
    """A place held in a ConcurrencyLimiter, until it is released or its time is over.

    As a context manager it is released at the end. If that fails it is logged, not raised: the
    place comes back by itself, and what the block did is done.
    """

    def __init__(
        self,
        space: Space,
        steps: ConcurrencyLimiterSteps,
        subject: str,
        token: str,
        lease: int,
    ) -> None:
        super().__init__(token, lease)
        self._space, self._steps, self._subject = space, steps, subject

    @override
    def release(self) -> bool:
        return self._space.write(self._steps.release, self._subject, self.token)

    @override
    def _extend(self, lease: int) -> bool:
        return self._space.write(self._steps.extend, self._subject, self.token, lease)


class ConcurrencyLimiter(BaseConcurrencyLimiter):
    """At most `limit` holders per subject at a time; the lease of a dead holder ends by itself.

    One value for each subject has a token for each holder and when its lease ends, by this
    machine's clock. Acquiring drops the leases that have ended, and adds one if fewer than `limit`
    are left, in one step. A holder that works for longer than `lease` seconds calls `extend` in
    time; the leases of a killed process end by themselves. O(limit) each.
    """

    def __init__(self, client: Level, name: str, *, limit: int, lease: Duration) -> None:
        super().__init__(limit=limit, lease=lease)
        self._space = Space.of(client)
        check_name("a concurrency limiter's name", name)
        self._steps = ConcurrencyLimiterSteps(self._space.prefix, name, self._limit)

    @override
    def acquire(self, subject: str) -> Lease | None:
        check_name("a subject", subject)
        token = new_id()
        if not self._space.write(self._steps.acquire, subject, token, self._lease):
            return None
        return Lease(self._space, self._steps, subject, token, self._lease)
