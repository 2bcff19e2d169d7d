"""What rate limiters of every backend share: several limits at once, waiting, and `fail_open`."""

from __future__ import annotations

import asyncio
import copy
import logging
import time
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Self

from typing_extensions import override

from datapatterns import contracts
from datapatterns.core import signals
from datapatterns.core.checks import Duration, check_flag, check_name, seconds
from datapatterns.core.decisions import Decision
from datapatterns.core.options import Algorithm
from datapatterns.core.rate_limiter import (
    Policy,
    check_cost,
    degraded,
    make_decision,
    make_policy,
    strictest,
)
from datapatterns.errors import InvalidArgument, TimedOut, TooManyRequests, Unavailable

logger = logging.getLogger("datapatterns.rate_limiter")

_SHORTEST_PAUSE = 0.001  # seconds between two tries of `wait`


class AsyncBaseRateLimiter(contracts.AsyncRateLimiter):
    """The part of a rate limiter that does not depend on the backend.

    A backend brings `_scope`, `_hit`, `_peek` and `reset`. Each of the last three handles all of
    `self._policies` in one atomic step, under the subject's keys: `self._parts()` names the state
    of each policy. `_hit` charges every policy or, when one of them refuses, none. Both return
    `self._decision(...)`. They get a checked cost; the subject they check themselves, since it
    becomes part of a key.
    """

    def __init__(
        self,
        name: str,
        *,
        limit: int,
        window: Duration,
        algorithm: Algorithm,
        subwindows: int,
        burst: int | None,
        fail_open: bool,
    ) -> None:
        check_name("a rate limiter's name", name)
        policy = make_policy(name, limit, window, algorithm, subwindows=subwindows, burst=burst)
        self._fail_open = check_flag("fail_open", fail_open)
        self._use((policy,))

    def _use(self, policies: tuple[Policy, ...]) -> None:
        """Make these the limits; a backend may extend this to prepare what each step sends."""
        self._policies = policies

    @property
    @abstractmethod
    def _scope(self) -> object:
        """Return a value that is equal for limiters whose states can change in one step."""

    @abstractmethod
    async def _hit(self, subject: str, cost: int) -> Decision:
        """Charge the cost to every limit if all of them admit it, and return the decision."""

    @abstractmethod
    async def _peek(self, subject: str, cost: int) -> Decision:
        """Return the decision that `_hit` would return, and charge nothing."""

    @classmethod
    @override
    def all_of(cls, limiters: Iterable[Self]) -> Self:
        several = list(limiters)
        if len({limiter._scope for limiter in several}) != 1:
            raise InvalidArgument("all_of takes limiters of one client and namespace")
        together = copy.copy(several[0])
        together._use(tuple(policy for limiter in several for policy in limiter._policies))
        if len(set(together._parts())) != len(together._policies):
            raise InvalidArgument("all_of takes limiters of different names")
        together._fail_open = all(limiter._fail_open for limiter in several)
        return together

    @override
    async def hit(self, subject: str, cost: int = 1) -> Decision:
        cost = check_cost(self._policies, cost)
        try:
            decision = await self._hit(subject, cost)
        except (Unavailable, TimedOut) as error:
            decision = self._admitted_without(error)
        return signals.decided(decision)

    @override
    async def peek(self, subject: str, cost: int = 1) -> Decision:
        cost = check_cost(self._policies, cost)
        try:
            return await self._peek(subject, cost)
        except (Unavailable, TimedOut) as error:
            return self._admitted_without(error)

    @override
    async def check(self, subject: str, cost: int = 1) -> Decision:
        return _admitted(await self.hit(subject, cost))

    @override
    async def wait(self, subject: str, cost: int = 1, *, timeout: Duration) -> Decision:
        ends = time.monotonic() + seconds("timeout", timeout)
        while True:
            decision = await self.hit(subject, cost)
            if decision.allowed or time.monotonic() + decision.retry_after > ends:
                return _admitted(decision)
            # Another caller may take the capacity first: hence the loop, which the timeout ends.
            await asyncio.sleep(max(decision.retry_after, _SHORTEST_PAUSE))

    def _parts(self) -> list[tuple[str, str]]:
        """Return what names each limit's state.

        A limiter of the same name with other options has a state of its own, since it could not
        read this one.
        """
        return [(p.name, f"{p.algorithm}-{p.step}-{p.room}") for p in self._policies]

    def _decision(self, verdicts: Sequence[Sequence[int]]) -> Decision:
        """Return the decision for verdicts of all limits, in their order.

        A verdict is `(allowed, remaining, retry_after, reset_after)`, times in microseconds.
        """
        if len(verdicts) == 1:  # by far the most usual
            allowed, *figures = verdicts[0]
            return make_decision(self._policies[0], bool(allowed), *figures)
        return strictest(
            [
                make_decision(policy, bool(allowed), *figures)
                for policy, (allowed, *figures) in zip(self._policies, verdicts, strict=True)
            ]
        )

    def _admitted_without(self, error: Unavailable | TimedOut) -> Decision:
        """Return a degraded decision and log the error with `fail_open`; else raise the error."""
        if not self._fail_open:
            raise error
        policy = self._policies[0]
        about = {"limiter": policy.name, "code": error.code}
        message = "the rate limiter %r lets a request through: %s"
        logger.warning(message, policy.name, error, extra=about)
        return degraded(policy)


def _admitted(decision: Decision) -> Decision:
    """Return the decision unchanged; raise TooManyRequests if it is a refusal."""
    if not decision.allowed:
        raise TooManyRequests("the rate limit is used up", decision)
    return decision
