"""The arithmetic of rate limits keeps its bounds at all times, on any clock."""

from __future__ import annotations

from bisect import bisect_right

from hypothesis import given, settings
from hypothesis import strategies as st

from datapatterns.core.rate_limiter import Policy, decide, make_policy

EPOCH = 1_700_000_000_000_000

# In windows: steps on the spot, to the edges of sub-subwindows and of windows, and beyond.
passing = st.one_of(
    st.sampled_from([0.0, 0.0, 0.0, 1e-6, 0.1, 0.25, 0.5, 0.9, 0.999999, 1.0, 1.000001, 1.1, 2.0]),
    st.floats(0.0, 2.5, allow_nan=False),
)
timings = st.lists(passing, min_size=1, max_size=200)


def admitted(policy: Policy, times: list[int], cost: int = 1) -> list[int]:
    """Return when hits at these times were admitted, starting with the full quota."""
    state: dict[str, int] = {}
    found: list[int] = []
    for now in times:
        outcome = decide(policy, state, now, cost)
        if outcome.allowed:
            state = outcome.state
            found += [now] * cost
            assert now < outcome.until <= now + 3 * policy.window
        else:
            assert outcome.retry_after > 0
    return found


def most_in_a_window(times: list[int], window: int) -> int:
    """Return the most times in any interval of that length, both ends included."""
    return max((bisect_right(times, at + window) - i for i, at in enumerate(times)), default=0)


def clock(shares: list[float], window: int) -> list[int]:
    """Return the times at these distances, given in windows."""
    times: list[int] = []
    now = EPOCH
    for share in shares:
        now += round(share * window)
        times.append(now)
    return times


@settings(max_examples=300)
@given(st.integers(1, 8), st.sampled_from([1, 2, 3, 7, 10]), timings, st.integers(1, 3))
def test_sliding_holds_in_any_window(
    limit: int, subwindows: int, shares: list[float], cost: int
) -> None:
    """`sliding` admits at most the limit in any interval of the length of the window."""
    policy = make_policy("x", limit, 1.0, subwindows=subwindows)
    found = admitted(policy, clock(shares, policy.window), min(cost, limit))
    assert most_in_a_window(found, policy.window) <= limit


@settings(max_examples=300)
@given(st.integers(1, 8), timings)
def test_fixed_admits_twice_the_limit_at_most(limit: int, shares: list[float]) -> None:
    """`fixed` admits up to twice the limit around the end of a window."""
    policy = make_policy("x", limit, 1.0, "fixed")
    found = admitted(policy, clock(shares, policy.window))
    assert most_in_a_window(found, policy.window) <= 2 * limit


@settings(max_examples=300)
@given(st.integers(1, 8).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n))), timings)
def test_gcra_admits_limit_and_burst_at_most(sizes: tuple[int, int], shares: list[float]) -> None:
    """`gcra` admits up to limit + burst in any interval of the length of the window."""
    limit, burst = sizes
    policy = make_policy("x", limit, 1.0, "gcra", burst=burst)
    found = admitted(policy, clock(shares, policy.window))
    assert most_in_a_window(found, policy.window) <= limit + burst


def test_the_bounds_are_reached() -> None:
    """The attack that fails on `sliding` succeeds on the other algorithms."""
    window = 1_000_000
    attack = [EPOCH] + [EPOCH + window - 1] * 10 + [EPOCH + window] * 10
    most = {
        name: most_in_a_window(admitted(make_policy("x", 10, 1.0, name), attack), window)
        for name in ("sliding", "fixed", "gcra")
    }
    assert most["sliding"] == 10
    assert most["fixed"] == 20
    assert most["gcra"] > 10


@given(
    st.sampled_from(["sliding", "fixed", "gcra"]),
    timings,
    st.lists(st.floats(-5.0, 5.0, allow_nan=False), max_size=200),
)
def test_what_it_promises_it_keeps(algorithm: str, shares: list[float], back: list[float]) -> None:
    """After retry_after the cost is admitted, after reset_after the full quota, on any clock."""
    policy = make_policy("x", 3, 1.0, algorithm)
    state: dict[str, int] = {}
    now = EPOCH
    for share in [step for pair in zip(shares, back, strict=False) for step in pair]:
        now += round(share * policy.window)
        outcome = decide(policy, state, now, 2)
        if outcome.allowed:
            state = outcome.state
        else:
            assert decide(policy, state, now + outcome.retry_after, 2).allowed
        full = decide(policy, state, now + outcome.reset_after, 3)
        assert full.allowed


@given(st.sampled_from([1, 2, 10]), st.integers(5, 40))
def test_sliding_admits_most_of_the_quota(subwindows: int, limit: int) -> None:
    """Under steady overload `sliding` admits at least K/(K+1) of the quota."""
    policy = make_policy("x", limit, 1.0, subwindows=subwindows)
    windows = 11
    times = [EPOCH + step * 5_000 for step in range(200 * windows)]
    found = len(admitted(policy, times))
    assert found >= (windows - 1) * limit * subwindows / (subwindows + 1)
