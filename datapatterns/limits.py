"""The arithmetic of rate limits: a policy, a state, a time and a cost give a decision.

Times are whole microseconds on the clock of the store, and a state is a few named whole numbers, so
that every store decides alike: one with scripts (`redis/lua/rate_limiter.lua` is this module in
Lua, and a test holds them together) and one without.

- `sliding`: sub-windows of a K-th of the window. The window reaches into K+1 of them, and the
  oldest, though partly over, counts in full: hence never more than `limit` in any interval of the
  length of the window. The price is that capacity returns up to window/K late.
- `fixed`: windows that start at the first hit. Up to 2 x limit around the end of one.
- `gcra`: each unit moves a "theoretical arrival time" ahead by window/limit, which may be ahead of
  the clock by `burst` such steps. Up to limit + burst in an interval of the length of the window.

Source of gcra: the generic cell rate algorithm of the ATM Forum, as a virtual schedule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from datapatterns.checks import Duration, check_count, microseconds
from datapatterns.decisions import Decision
from datapatterns.errors import Conflict, InvalidArgument

ALGORITHMS = ("sliding", "fixed", "gcra")
MOST = 10**9  # of a limit: sums of costs stay exact in a script's numbers
MOST_SUBWINDOWS = 1_000

State = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Policy:
    """A limit: `limit` a `window` (in microseconds), by an algorithm.

    `step` is a sub-window's width (sliding), the window (fixed), or the time of one unit (gcra);
    `room` how many sub-windows there are, 1, or the burst.
    """

    name: str
    algorithm: str
    limit: int
    window: int
    step: int
    room: int

    @property
    def most(self) -> int:
        """The largest cost that can ever be admitted."""
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
    """The policy; InvalidArgument for what is not a limit."""
    check_count("limit", limit, most=MOST)
    width = microseconds("window", window, positive=True)
    check_count("subwindows", subwindows, most=MOST_SUBWINDOWS)
    if algorithm not in ALGORITHMS:
        raise InvalidArgument(f"algorithm is one of {', '.join(ALGORITHMS)}")
    if burst is not None and algorithm != "gcra":
        raise InvalidArgument("burst belongs to gcra")
    room = check_count("burst", limit if burst is None else burst, most=limit)
    if algorithm == "gcra" and limit > width:
        raise InvalidArgument("gcra paces in whole microseconds: at most one unit in each")
    # Rounded up, so that a limit is never exceeded by rounding.
    match algorithm:
        case "sliding":
            return Policy(name, algorithm, limit, width, -(-width // subwindows), subwindows)
        case "fixed":
            return Policy(name, algorithm, limit, width, width, 1)
        case _:
            return Policy(name, algorithm, limit, width, -(-width // limit), room)


def check_cost(policies: Sequence[Policy], cost: object) -> int:
    """The cost; InvalidArgument unless every policy could admit it one day."""
    if type(cost) is int and cost == 1:  # as always
        return cost
    most = min(policy.most for policy in policies)
    if not isinstance(cost, int) or isinstance(cost, bool) or not 1 <= cost <= most:
        raise InvalidArgument(f"cost must be a whole number from 1 to {most:,}")
    return cost


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was decided, in microseconds, and the state to store if the cost is charged.

    `until` is when that state is worth nothing any more.
    """

    allowed: bool
    remaining: int
    retry_after: int
    reset_after: int
    state: dict[str, int]
    until: int


def decide(policy: Policy, state: State, now: int, cost: int) -> Outcome:
    """Whether the cost is admitted now; the state is the new one if so, else the old one's rest."""
    match policy.algorithm:
        case "sliding":
            return _sliding(policy, state, now, cost)
        case "fixed":
            return _fixed(policy, state, now, cost)
        case _:
            return _gcra(policy, state, now, cost)


def _sliding(policy: Policy, state: State, now: int, cost: int) -> Outcome:
    """The state has a sub-window's number and what was admitted in it."""
    here = now // policy.step
    counts = {int(number): count for number, count in state.items()}
    # What a clock that was set back has yet to reach: its hits are of now, unless it went back by
    # more than the whole window.
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
    """The state has `start` and `count`."""
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
    """The state has `tat`, the theoretical arrival time."""
    reach = policy.room * policy.step
    tat = max(state.get("tat", now), now)
    if tat - now > 2 * reach:  # a clock set back by more than it can be ahead
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
    """An outcome's figures in seconds, with the policy's name and window."""
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
    """The decision that stands for several: the longest refusal, else the least that remains."""
    refused = [decision for decision in decisions if not decision.allowed]
    if refused:
        return max(refused, key=lambda decision: decision.retry_after)
    return min(decisions, key=lambda decision: decision.remaining)


def degraded(policy: Policy) -> Decision:
    """What a limiter that fails open says while its store is away."""
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
