# Generated from datapatterns/redis/_async/rate_limiter.py by scripts/unasync.py; do not edit.
"""A rate limiter in Redis."""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Iterable, Sequence
from typing import Self

from datapatterns.checks import Duration
from datapatterns.decisions import Decision
from datapatterns.errors import (
    DataError,
    InvalidArgument,
    TimedOut,
    TooManyRequests,
    Unavailable,
)
from datapatterns.integers import check_seconds
from datapatterns.limits import (
    Policy,
    check_cost,
    degraded,
    make_decision,
    make_policy,
    strictest,
)
from datapatterns.names import check_name
from datapatterns.redis._sync.commands import write
from datapatterns.redis._sync.lua import SCRIPTS
from datapatterns.redis._sync.pools import RedisClient
from datapatterns.redis.keys import DEFAULT_NAMESPACE, Keys
from datapatterns.signals import decided

logger = logging.getLogger("datapatterns.redis")


class RateLimiter:
    """Never admits more than `limit` in any interval of length `window`, by the server's clock.

    One script, one round trip, one small hash a subject and limit; it reads the time from the
    server, so that no client's clock matters:

    - `sliding` (the default) counts in `subwindows` parts of the window; the oldest one counts
      in full as long as any of it is within the window. That is why the promise holds whatever the
      timing, and why capacity returns up to window/subwindows late: under steady overload at least
      subwindows/(subwindows+1) of the quota is admitted.
    - `fixed`: windows that start at the first hit. Up to 2 x limit around the end of one.
    - `gcra`: a steady pace of limit/window, and up to `burst` (default: limit) at once. Up to
      limit + burst in an interval of the length of the window.

    A refused hit charges nothing and writes nothing. State expires by itself, at the latest two
    windows after the last admitted hit. A subject's limits share a hash tag, so that
    `RateLimiter.all_of([per_second, per_day]).hit(subject)` charges all or none in one step, on a
    cluster as well. Each call is O(subwindows).

    With `fail_open` a hit while Redis is out of reach is admitted, marked `degraded`, and logged.
    The hits of a failed master that its replica had not yet heard of are forgotten.
    """

    def __init__(
        self,
        client: RedisClient,
        name: str,
        *,
        limit: int,
        window: Duration,
        algorithm: str = "sliding",
        subwindows: int = 10,
        burst: int | None = None,
        fail_open: bool = False,
        namespace: str = DEFAULT_NAMESPACE,
    ) -> None:
        self.redis = client
        check_name("a name", name)
        self._keys = Keys.of(namespace, "limiter")
        self._fail_open = fail_open
        policy = make_policy(name, limit, window, algorithm, subwindows=subwindows, burst=burst)
        self._charge((policy,))

    def _charge(self, policies: tuple[Policy, ...]) -> None:
        """Make these the limits, and what the script is told of them."""
        self._policies = policies
        self._subject_keys = self._keys.of_each([_part(policy) for policy in policies])
        self._args = [
            fact
            for policy in policies
            for fact in (policy.algorithm, policy.limit, policy.step, policy.room)
        ]

    @classmethod
    def all_of(cls, limiters: Iterable[Self]) -> Self:
        """Return a limiter that charges all of these or none, and tells of the strictest."""
        several = list(limiters)
        policies = tuple(policy for limiter in several for policy in limiter._policies)
        places = {(id(limiter.redis), limiter._keys) for limiter in several}
        if len(places) != 1:
            raise InvalidArgument("all_of takes limiters of one client and namespace")
        if len({_part(policy) for policy in policies}) != len(policies):
            raise InvalidArgument("all_of takes limiters of different names")
        together = copy.copy(several[0])
        together._charge(policies)
        together._fail_open = all(limiter._fail_open for limiter in several)
        return together

    def hit(self, subject: str, cost: int = 1) -> Decision:
        """Count if allowed and return the decision; InvalidArgument if cost exceeds the limit."""
        keys, args = self._call(subject, cost, "hit")
        try:
            reply = SCRIPTS.write(self.redis, "rate_limiter", keys, args)
            return decided(self._decision(reply))
        except (Unavailable, TimedOut) as error:
            return decided(self._opened(error))

    def peek(self, subject: str, cost: int = 1) -> Decision:
        """Return the decision that a hit would get, counting nothing."""
        keys, args = self._call(subject, cost, "peek")
        try:
            return self._decision(SCRIPTS.read(self.redis, "rate_limiter", keys, args))
        except (Unavailable, TimedOut) as error:
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
            time.sleep(max(decision.retry_after, 0.001))

    def reset(self, subject: str) -> None:
        """Forget what the subject has used."""
        keys = self._subject_keys(subject)
        write(self.redis, "DEL", *keys, key=keys[0])

    def _call(self, subject: str, cost: int, mode: str) -> tuple[list[bytes], list[str | int]]:
        """The keys and arguments of the script."""
        return self._subject_keys(subject), [check_cost(self._policies, cost), mode, *self._args]

    def _decision(self, reply: Sequence[int]) -> Decision:
        """The script's four numbers a limit, as one decision."""
        if len(reply) == 4:  # by far the most usual
            allowed, *figures = reply
            return make_decision(self._policies[0], allowed == 1, *figures)
        return strictest(
            [
                make_decision(policy, bool(reply[at]), *reply[at + 1 : at + 4])
                for at, policy in zip(range(0, len(reply), 4), self._policies, strict=True)
            ]
        )

    def _opened(self, error: DataError) -> Decision:
        """The decision while Redis is away, or the error."""
        if not self._fail_open:
            raise error
        name = self._policies[0].name
        about = {"limiter": name, "code": error.code}
        logger.warning("the rate limiter %r lets a request through: %s", name, error, extra=about)
        return degraded(self._policies[0])


def _part(policy: Policy) -> tuple[str, str]:
    """What names a limit's state: other options of the same name read a state of their own."""
    return policy.name, f"{policy.algorithm}-{policy.step}-{policy.room}"


def _admitted(decision: Decision) -> Decision:
    if not decision.allowed:
        raise TooManyRequests("the rate limit is used up", decision)
    return decision
