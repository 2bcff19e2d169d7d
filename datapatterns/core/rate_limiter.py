"""The arithmetic of rate limits: a policy, a state, a time and a cost determine a decision.

Times are whole microseconds of the store's clock, and a state is a few named whole numbers, so that
every store decides in the same way. `redis/lua/rate_limiter/decide.lua` computes the same in Lua,
and a test compares the two.

- `sliding`: the window is divided into K sub-windows. At any time it reaches into K+1 of them, and
  the oldest one counts in full although a part of it is over. So never more than `limit` is
  admitted in any interval of the length of the window. In return, capacity returns up to window/K
  late.
- `fixed`: windows that start at the first hit. Around the end of one, up to 2 x limit is admitted.
- `gcra`: each unit moves a "theoretical arrival time" ahead by window/limit, and this time may be
  ahead of the clock by `burst` such steps. Up to limit + burst is admitted in an interval of the
  length of the window.

Source of gcra: the generic cell rate algorithm of the ATM Forum, as a virtual schedule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from datapatterns.core.checks import Duration, check_choice, check_count, microseconds
from datapatterns.core.decisions import Decision
from datapatterns.core.options import Algorithm
from datapatterns.errors import Conflict, InvalidArgument

ALGORITHMS: tuple[str, ...] = get_args(Algorithm)
MOST = 10**9  # the highest limit: sums of costs stay exact as numbers of Lua
MOST_SUBWINDOWS = 1_000

State = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Policy:
    """A limit: at most `limit` in each `window`, in microseconds, by an algorithm.

    `step` is the length of a sub-window (sliding), the window (fixed), or the time of one unit
    (gcra). `room` is the number of sub-windows (sliding), 1 (fixed), or the burst (gcra).
    """

    name: str
    algorithm: str
    limit: int
    window: int
    step: int
    room: int

    @property
    def most(self) -> int:
        """Return the largest cost that can ever be admitted."""
        return min(self.limit, self.room) if self.algorithm == "gcra" else self.limit


def make_policy(
    name: str,
    limit: int,
    window: Duration,
    algorithm: str = "sliding",
    *,
    subwindows: int = 10,
    burst: int | None = None,
) -> Policy:
    """Return the policy of these options; raise InvalidArgument for an option that is not valid."""
    check_count("limit", limit, most=MOST)
    width = microseconds("window", window, positive=True)
    check_count("subwindows", subwindows, most=MOST_SUBWINDOWS)
    check_choice("algorithm", algorithm, ALGORITHMS)
    room = check_count("burst", limit if burst is None else burst, most=limit)
    if burst is not None and algorithm != "gcra":
        raise InvalidArgument("burst is an option of the algorithm gcra only")
    if algorithm == "gcra" and limit > width:
        raise InvalidArgument("limit must not exceed one unit a microsecond with gcra")
    # Rounded up, so that a limit is never exceeded by rounding.
    match algorithm:
        case "sliding":
            return Policy(name, algorithm, limit, width, -(-width // subwindows), subwindows)
        case "fixed":
            return Policy(name, algorithm, limit, width, width, 1)
        case _:
            return Policy(name, algorithm, limit, width, -(-width // limit), room)


def check_cost(policies: Sequence[Policy], cost: object) -> int:
    """Return the cost unchanged; raise InvalidArgument if a policy can never admit it."""
    if type(cost) is int and cost == 1:  # the default, and every policy can admit it
        return cost
    return check_count("cost", cost, most=min(policy.most for policy in policies))


@dataclass(frozen=True, slots=True)
class Outcome:
    """A decision in microseconds, and the state to store if the cost is charged.

    From the time `until` on, the state makes no difference any more.
    """

    allowed: bool
    remaining: int
    retry_after: int
    reset_after: int
    state: dict[str, int]
    until: int


def decide(policy: Policy, state: State, now: int, cost: int) -> Outcome:
    """Return whether the cost is admitted now, with the state after that."""
    match policy.algorithm:
        case "sliding":
            return _sliding(policy, state, now, cost)
        case "fixed":
            return _fixed(policy, state, now, cost)
        case _:
            return _gcra(policy, state, now, cost)


def _sliding(policy: Policy, state: State, now: int, cost: int) -> Outcome:
    """Decide by a state of the numbers of sub-windows and what was admitted in each."""
    here = now // policy.step
    counts = {int(number): count for number, count in state.items()}
    # A newer sub-window means that the clock was set back. If by less than a window, hits count in
    # that sub-window; otherwise it is dropped.
    newest = max(counts, default=here)
    if here < newest <= here + policy.room:
        here = newest
    counts = {number: n for number, n in counts.items() if here - policy.room <= number <= here}
    used = sum(counts.values())
    allowed = used + cost <= policy.limit
    retry_after = 0
    if allowed:
        counts[here] = counts.get(here, 0) + cost
        used += cost
    else:
        free = policy.limit - used
        for number in sorted(counts):
            free += counts[number]
            if free >= cost:
                retry_after = (number + policy.room + 1) * policy.step - now
                break
    until = (max(counts, default=here) + policy.room + 1) * policy.step
    reset_after = until - now if counts else 0
    kept = {str(number): count for number, count in counts.items()}
    return Outcome(allowed, policy.limit - used, retry_after, reset_after, kept, until)


def _fixed(policy: Policy, state: State, now: int, cost: int) -> Outcome:
    """Decide by a state of `start` and `count`."""
    start, count = state.get("start", now), state.get("count", 0)
    if not start - policy.step <= now < start + policy.step:
        start, count = now, 0
    until = start + policy.step
    allowed = count + cost <= policy.limit
    if allowed:
        count += cost
    retry_after = 0 if allowed else until - now
    reset_after = until - now if count else 0
    kept = {"start": start, "count": count} if count else {}
    return Outcome(allowed, policy.limit - count, retry_after, reset_after, kept, until)


def _gcra(policy: Policy, state: State, now: int, cost: int) -> Outcome:
    """Decide by a state of `tat`, the theoretical arrival time."""
    reach = policy.room * policy.step
    tat = max(state.get("tat", now), now)
    if tat - now > 2 * reach:  # the clock was set back by more than `tat` can be ahead
        tat = now
    after = tat + cost * policy.step
    allowed = after - now <= reach
    if allowed:
        tat = after
    retry_after = 0 if allowed else after - reach - now
    remaining = max(0, (reach - (tat - now)) // policy.step)
    kept = {"tat": tat} if tat > now else {}
    return Outcome(allowed, remaining, retry_after, tat - now, kept, tat)


def make_decision(
    policy: Policy, allowed: bool, remaining: int, retry_after: int, reset_after: int
) -> Decision:
    """Return the decision of these figures, which are in microseconds."""
    return Decision(
        allowed=allowed,
        limit=policy.limit,
        remaining=remaining,
        retry_after=retry_after / 1_000_000,
        reset_after=reset_after / 1_000_000,
        name=policy.name,
        window=policy.window / 1_000_000,
    )


def lease_lost() -> Conflict:
    """Return the error of a lease that had expired or was given back."""
    return Conflict("the lease has expired or was given back", reason="lease_lost")


def strictest(decisions: Sequence[Decision]) -> Decision:
    """Return the refusal with the longest wait; if all admit, the decision that leaves least."""
    refused = [decision for decision in decisions if not decision.allowed]
    if refused:
        return max(refused, key=lambda decision: decision.retry_after)
    return min(decisions, key=lambda decision: decision.remaining)


def degraded(policy: Policy) -> Decision:
    """Return the decision of a limiter that fails open while its store is out of reach."""
    return Decision(
        allowed=True,
        limit=policy.limit,
        remaining=policy.limit,
        retry_after=0.0,
        reset_after=0.0,
        degraded=True,
        name=policy.name,
        window=policy.window / 1_000_000,
    )
