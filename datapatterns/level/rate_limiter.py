"""Rate limits in LevelDB."""

from __future__ import annotations

import asyncio
import copy
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Self

from datapatterns import tuples
from datapatterns.checks import Duration
from datapatterns.codecs import dumps, loads
from datapatterns.decisions import Decision
from datapatterns.errors import DataError, InvalidArgument, TooManyRequests, Unavailable
from datapatterns.integers import check_seconds
from datapatterns.level.driver import Database
from datapatterns.level.readers import Reader, View
from datapatterns.level.space import HasSpace
from datapatterns.level.steps.expiry import Expiring, now
from datapatterns.level.transaction import Transaction
from datapatterns.limits import (
    Outcome,
    Policy,
    check_cost,
    decide,
    degraded,
    make_decision,
    make_policy,
    strictest,
)
from datapatterns.names import check_name
from datapatterns.signals import decided

logger = logging.getLogger("datapatterns.level")

_SHORTEST_PAUSE = 0.001  # seconds


class _RateLimiter:
    """What both faces are made of."""

    def __init__(
        self,
        client: HasSpace,
        name: str,
        *,
        limit: int,
        window: Duration,
        algorithm: str = "sliding",
        subwindows: int = 10,
        burst: int | None = None,
        fail_open: bool = False,
    ) -> None:
        check_name("a rate limiter's name", name)
        policy = make_policy(name, limit, window, algorithm, subwindows=subwindows, burst=burst)
        self._policies: tuple[Policy, ...] = (policy,)
        self._space = client.space
        self._states = Expiring(self._space.prefix, self._space.within("$limits").prefix)
        self._fail_open = fail_open

    @classmethod
    def all_of(cls, limiters: Iterable[Self]) -> Self:
        """Return a limiter that charges all of these or none, and tells of the strictest."""
        several = list(limiters)
        if len({(id(one._space.engine), one._space.prefix) for one in several}) != 1:
            raise InvalidArgument("all_of takes limiters of one level and namespace")
        policies = tuple(policy for limiter in several for policy in limiter._policies)
        if len({_part(policy) for policy in policies}) != len(policies):
            raise InvalidArgument("all_of takes limiters of different names")
        together = copy.copy(several[0])
        together._policies = policies
        together._fail_open = all(limiter._fail_open for limiter in several)
        return together

    def _hit(self, subject: str, cost: int) -> Callable[[Transaction], Decision]:
        """Charge every limit or none."""
        keys, cost = self._keys(subject), check_cost(self._policies, cost)

        def work(transaction: Transaction) -> Decision:
            at = now()
            outcomes = self._outcomes(transaction, keys, at, cost)
            admitted = all(outcome.allowed for outcome in outcomes)
            if admitted:
                for key, outcome in zip(keys, outcomes, strict=True):
                    self._states.put(transaction, key, dumps(outcome.state), at, outcome.until)
            return self._decision(outcomes)

        return work

    def _peek(self, subject: str, cost: int) -> Callable[[Database], Decision]:
        """Decide without charging."""
        keys, cost = self._keys(subject), check_cost(self._policies, cost)

        def work(database: Database) -> Decision:
            return self._decision(self._outcomes(View(database), keys, now(), cost))

        return work

    def _reset(self, subject: str) -> Callable[[Transaction], None]:
        keys = self._keys(subject)

        def work(transaction: Transaction) -> None:
            for key in keys:
                transaction.store(self._states.prefix + key, None)

        return work

    def _keys(self, subject: str) -> list[bytes]:
        check_name("a subject", subject)
        return [tuples.pack((*_part(policy), subject)) for policy in self._policies]

    def _outcomes(self, reader: Reader, keys: list[bytes], at: int, cost: int) -> list[Outcome]:
        states = [loads(self._states.get(reader, key, at) or b"{}") for key in keys]
        return [
            decide(policy, state, at, cost)
            for policy, state in zip(self._policies, states, strict=True)
        ]

    def _decision(self, outcomes: Sequence[Outcome]) -> Decision:
        return strictest(
            [
                make_decision(
                    policy,
                    outcome.allowed,
                    outcome.remaining,
                    outcome.retry_after,
                    outcome.reset_after,
                )
                for policy, outcome in zip(self._policies, outcomes, strict=True)
            ]
        )

    def _opened(self, error: DataError) -> Decision:
        """The decision while the level is closed, or the error."""
        if not self._fail_open:
            raise error
        policy = self._policies[0]
        about = {"limiter": policy.name, "code": error.code}
        message = "the rate limiter %r lets a request through: %s"
        logger.warning(message, policy.name, error, extra=about)
        return degraded(policy)


class RateLimiter(_RateLimiter):
    """Never admits more than `limit` in any interval of length `window`, by this machine's clock.

    The state of a subject is one small value. A hit reads it, decides by the arithmetic of
    `datapatterns.limits` and writes it, in one step under the engine's write lock; a refused hit
    writes nothing.

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

    def hit(self, subject: str, cost: int = 1) -> Decision:
        """Count if allowed and return the decision; InvalidArgument if cost exceeds the limit."""
        try:
            return decided(self._space.write(self._hit(subject, cost)))
        except Unavailable as error:
            return decided(self._opened(error))

    def peek(self, subject: str, cost: int = 1) -> Decision:
        """Return the decision that a hit would get, counting nothing."""
        try:
            return self._space.read(self._peek(subject, cost))
        except Unavailable as error:
            return self._opened(error)

    def check(self, subject: str, cost: int = 1) -> Decision:
        """Like `hit`, but raise TooManyRequests with the decision when refused."""
        return _admitted(self.hit(subject, cost))

    def wait(self, subject: str, cost: int = 1, *, timeout: Duration) -> Decision:
        """Wait until admitted; raise TooManyRequests when that cannot be within the timeout."""
        ends = time.monotonic() + check_seconds("timeout", timeout, least=0.0)
        while True:
            decision = self.hit(subject, cost)
            if decision.allowed or time.monotonic() + decision.retry_after > ends:
                return _admitted(decision)
            # Others may be faster then: hence the loop, which ends with the timeout.
            time.sleep(max(decision.retry_after, _SHORTEST_PAUSE))

    def reset(self, subject: str) -> None:
        """Forget what the subject has used."""
        self._space.write(self._reset(subject))


class AsyncRateLimiter(_RateLimiter):
    """`RateLimiter` for asyncio: the same methods, awaited."""

    async def hit(self, subject: str, cost: int = 1) -> Decision:
        """Count if allowed and return the decision; InvalidArgument if cost exceeds the limit."""
        try:
            return decided(await self._space.write_in_lane(self._hit(subject, cost)))
        except Unavailable as error:
            return decided(self._opened(error))

    async def peek(self, subject: str, cost: int = 1) -> Decision:
        """Return the decision that a hit would get, counting nothing."""
        try:
            return self._space.read(self._peek(subject, cost))
        except Unavailable as error:
            return self._opened(error)

    async def check(self, subject: str, cost: int = 1) -> Decision:
        """Like `hit`, but raise TooManyRequests with the decision when refused."""
        return _admitted(await self.hit(subject, cost))

    async def wait(self, subject: str, cost: int = 1, *, timeout: Duration) -> Decision:
        """Wait until admitted; raise TooManyRequests when that cannot be within the timeout."""
        ends = time.monotonic() + check_seconds("timeout", timeout, least=0.0)
        while True:
            decision = await self.hit(subject, cost)
            if decision.allowed or time.monotonic() + decision.retry_after > ends:
                return _admitted(decision)
            # Others may be faster then: hence the loop, which ends with the timeout.
            await asyncio.sleep(max(decision.retry_after, _SHORTEST_PAUSE))

    async def reset(self, subject: str) -> None:
        """Forget what the subject has used."""
        await self._space.write_in_lane(self._reset(subject))


def _part(policy: Policy) -> tuple[str, str]:
    """What names a limit's state: other options of the same name read a state of their own."""
    return policy.name, f"{policy.algorithm}-{policy.step}-{policy.room}"


def _admitted(decision: Decision) -> Decision:
    if not decision.allowed:
        raise TooManyRequests("the rate limit is used up", decision)
    return decision
