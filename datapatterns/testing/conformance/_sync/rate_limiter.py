# Generated from datapatterns/testing/conformance/_async/rate_limiter.py by scripts/unasync.py; do not edit.
"""The tests of what every rate limiter promises."""

from __future__ import annotations

import random
import time
from typing import Any, ClassVar

import pytest

from datapatterns import Decision, InvalidArgument, Store, TooManyRequests
from datapatterns.contracts import RateLimiter
from datapatterns.core.options import Algorithm
from datapatterns.testing._sync.concurrently import concurrently
from datapatterns.testing.conformance.samples import HOSTILE, NO_NAMES
from datapatterns.testing.waiting import PATIENCE, spans

ALGORITHMS: tuple[Algorithm, ...] = ("sliding", "fixed", "gcra")
LONG = 86_400.0  # a window in which a test is a moment
CLOCKS = 0.01  # seconds by which two clocks of one machine may run apart within a window

each_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS)


def until_admitted(limiter: RateLimiter, subject: str, cost: int = 1) -> tuple[float, float]:
    """Hit until a hit is admitted; return two times between which that was."""
    ends = time.monotonic() + PATIENCE
    while (before := time.monotonic()) < ends:
        if (limiter.hit(subject, cost)).allowed:
            return before, time.monotonic()
        time.sleep(0.002)
    raise AssertionError("the quota never came back")


def until_refused(limiter: RateLimiter, subject: str) -> Decision:
    """Hit until a hit is refused; return that decision."""
    ends = time.monotonic() + PATIENCE
    while (decision := limiter.hit(subject)).allowed:
        assert time.monotonic() < ends, "there was always some quota left"
    return decision


class TestRateLimiter:
    """Tests `target.rate_limiter` on a backend that declares `rate_limiter`."""

    pattern: ClassVar[str] = "rate_limiter"

    @each_algorithm
    def test_it_admits_the_limit_and_no_more(self, target: Store, algorithm: Algorithm) -> None:
        """`limit` hits pass, counting down; refused ones get the time until the next try."""
        api = target.rate_limiter("api", limit=5, window=LONG, algorithm=algorithm)
        for remaining in (4, 3, 2, 1, 0):
            decision = api.hit("ann")
            assert decision.allowed
            assert (decision.limit, decision.remaining) == (5, remaining)
            assert decision.retry_after == 0
            assert 0 < decision.reset_after <= 2 * LONG
        for _ in range(3):
            refused = api.hit("ann")
            assert not refused.allowed
            assert (refused.limit, refused.remaining) == (5, 0)
            assert 0 < refused.retry_after <= refused.reset_after <= 2 * LONG
            assert not refused.degraded

    def test_sliding_is_the_default(self, target: Store) -> None:
        """The default is `sliding`, whose full quota returns after at most 1.1 windows."""
        api = target.rate_limiter("api", limit=1, window=LONG)
        assert LONG < (api.hit("ann")).reset_after <= 1.1 * LONG
        named = target.rate_limiter("api", limit=1, window=LONG, algorithm="sliding")
        assert not (named.hit("ann")).allowed

    @each_algorithm
    def test_a_cost_counts_in_full_or_not_at_all(self, target: Store, algorithm: Algorithm) -> None:
        """A refused hit charges nothing; what is left can still be used."""
        api = target.rate_limiter("api", limit=10, window=LONG, algorithm=algorithm)
        assert (api.hit("ann", 7)).remaining == 3
        for _ in range(20):
            assert not (api.hit("ann", 4)).allowed
        assert (api.hit("ann", 3)).allowed
        assert not (api.hit("ann")).allowed

    @each_algorithm
    def test_peek_counts_nothing(self, target: Store, algorithm: Algorithm) -> None:
        """`peek` returns the decision that a hit would get, as often as it is called."""
        api = target.rate_limiter("api", limit=2, window=LONG, algorithm=algorithm)
        for _ in range(5):
            assert (api.peek("ann")).allowed
        peeked, hit = api.peek("ann", 2), api.hit("ann", 2)
        assert (peeked.allowed, peeked.remaining) == (hit.allowed, hit.remaining) == (True, 0)
        peeked, hit = api.peek("ann"), api.hit("ann")
        assert (peeked.allowed, peeked.remaining) == (hit.allowed, hit.remaining) == (False, 0)
        assert hit.retry_after <= peeked.retry_after <= hit.retry_after + PATIENCE

    @each_algorithm
    def test_check_raises_when_refused(self, target: Store, algorithm: Algorithm) -> None:
        """TooManyRequests has the decision and its headers."""
        api = target.rate_limiter("api", limit=1, window=LONG, algorithm=algorithm)
        decision = api.check("ann")
        assert decision.allowed
        assert decision.headers()["RateLimit-Policy"] == '"api";q=1;w=86400'
        assert "Retry-After" not in decision.headers()
        with pytest.raises(TooManyRequests) as raised:
            api.check("ann")
        told = raised.value.decision
        assert told is not None
        assert not told.allowed
        assert raised.value.retry_after == told.retry_after > 0
        assert int(raised.value.headers["Retry-After"]) >= told.retry_after
        assert "ann" not in str(raised.value)

    @each_algorithm
    def test_reset_gives_the_full_quota(self, target: Store, algorithm: Algorithm) -> None:
        """`reset` forgets what the subject has used; others keep theirs."""
        api = target.rate_limiter("api", limit=2, window=LONG, algorithm=algorithm)
        concurrently(api.hit, [("ann", 2), ("bob", 2)])
        api.reset("ann")
        api.reset("nobody")
        assert (api.hit("ann", 2)).allowed
        assert not (api.hit("bob")).allowed

    @each_algorithm
    def test_many_callers_share_the_quota(self, target: Store, algorithm: Algorithm) -> None:
        """Of a hundred hits at once exactly `limit` pass."""
        api = target.rate_limiter("api", limit=17, window=LONG, algorithm=algorithm)
        decisions = concurrently(api.hit, [("ann",) for _ in range(100)])
        admitted = [decision for decision in decisions if decision.allowed]
        assert sorted(decision.remaining for decision in admitted) == list(range(17))

    @each_algorithm
    def test_subjects_and_names_stay_apart(self, target: Store, algorithm: Algorithm) -> None:
        """No subject or limiter, whatever its name, uses the quota of another."""
        api = target.rate_limiter("api", limit=1, window=LONG, algorithm=algorithm)
        for name in HOSTILE:
            assert (api.hit("x" + name)).allowed
            other = target.rate_limiter("x" + name, limit=1, window=LONG, algorithm=algorithm)
            assert (other.hit("ann")).allowed
            assert not (other.hit("ann")).allowed
        assert (api.hit("ann")).allowed

    def test_sliding_keeps_its_distance(self, target: Store) -> None:
        """After a full quota no hit passes for a window, and the whole quota within 1.1 windows."""
        window = 0.5
        api = target.rate_limiter("api", limit=3, window=window)
        begun = time.monotonic()
        assert (api.hit("ann", 3)).allowed
        before, after = until_admitted(api, "ann", 3)
        assert after - begun > window - CLOCKS
        refused = api.hit("ann")
        passed = time.monotonic() - before
        assert window - CLOCKS - passed < refused.retry_after <= 1.1 * window + CLOCKS

    def test_retry_after_is_kept(self, target: Store) -> None:
        """After the `retry_after` of a refusal the cost is admitted."""
        for algorithm in ALGORITHMS:
            for span in spans():
                name, window = f"{algorithm} {span.seconds}", 2 * span.seconds
                api = target.rate_limiter(name, limit=4, window=window, algorithm=algorithm)
                with span:
                    for cost in (1, 2, 1):
                        api.hit("ann", cost)
                    refused = api.peek("ann", 3)
                    assert not refused.allowed
                    time.sleep(refused.retry_after + CLOCKS)
                    assert (api.hit("ann", 3)).allowed

    def test_reset_after_is_kept(self, target: Store) -> None:
        """After the `reset_after` of a decision the full quota is back."""
        for algorithm in ALGORITHMS:
            api = target.rate_limiter("api", limit=4, window=0.3, algorithm=algorithm)
            decision = api.hit("ann", 3)
            time.sleep(decision.reset_after + CLOCKS)
            assert (api.hit("ann", 4)).allowed

    def test_sliding_holds_in_every_window(self, target: Store) -> None:
        """Whatever the timing, no interval of a window's length has more than the limit."""
        limit, window = 5, 0.2
        for subwindows in (1, 3, 10):
            name = f"api{subwindows}"
            api = target.rate_limiter(name, limit=limit, window=window, subwindows=subwindows)
            admitted = _attack(api, "ann", window, rounds=6, least=limit + 1)
            assert len(admitted) > limit
            # An admission lies between the two times; so this interval has the hits for certain.
            for first, last in zip(admitted, admitted[limit:], strict=False):
                assert last[1] - first[0] > window - CLOCKS

    def test_sliding_admits_most_of_the_quota(self, target: Store) -> None:
        """A hit is refused only if the limit was used up within the last 1.1 windows.

        So under steady overload with 10 subwindows at least ten elevenths of the quota pass.
        """
        limit, window, windows = 10, 0.3, 6
        api = target.rate_limiter("api", limit=limit, window=window)
        admitted: list[float] = []
        while len(admitted) < windows * limit:
            begun = time.monotonic()
            if (api.hit("ann")).allowed:
                admitted.append(time.monotonic())
            else:
                earliest = begun - 1.1 * window - CLOCKS
                assert sum(at >= earliest for at in admitted) >= limit

    def test_fixed_windows_start_at_the_first_hit(self, target: Store) -> None:
        """The window begins at the first hit, not at a round time of the clock."""
        api = target.rate_limiter("api", limit=2, window=LONG, algorithm="fixed")
        first, second = api.hit("ann"), api.hit("ann")
        assert first.reset_after == pytest.approx(LONG, abs=CLOCKS)
        assert second.reset_after <= first.reset_after
        assert (api.hit("ann")).retry_after <= second.reset_after

    def test_gcra_paces(self, target: Store) -> None:
        """With a burst of 1 each hit waits for window/limit after the one before."""
        api = target.rate_limiter("api", limit=10, window=10.0, algorithm="gcra", burst=1)
        times = [until_admitted(api, "ann") for _ in range(4)]
        (first, _), (_, last) = times[0], times[3]
        assert last - first > 3 * 1.0 - CLOCKS
        assert 0 < (until_refused(api, "ann")).retry_after <= 1.0
        with pytest.raises(InvalidArgument):
            api.hit("ann", 2)

    def test_gcra_has_a_burst(self, target: Store) -> None:
        """`burst` hits pass at once, then one in each window/limit; `remaining` counts units."""
        api = target.rate_limiter("api", limit=100, window=LONG, algorithm="gcra", burst=3)
        decisions = [api.hit("ann") for _ in range(4)]
        assert [decision.remaining for decision in decisions] == [2, 1, 0, 0]
        assert [decision.allowed for decision in decisions] == [True, True, True, False]
        assert LONG / 100 - PATIENCE < decisions[3].retry_after <= LONG / 100

    def test_wait_waits_until_admitted(self, target: Store) -> None:
        """`wait` returns the admitted decision, and no sooner than the limit allows."""
        window = 1.0
        api = target.rate_limiter("api", limit=2, window=window)
        assert (api.wait("ann", timeout=0)).allowed
        begun = time.monotonic()
        api.reset("ann")
        api.hit("ann", 2)
        decision = api.wait("ann", 2, timeout=PATIENCE)
        assert decision.allowed
        assert time.monotonic() - begun > window - CLOCKS
        again = api.hit("ann")
        assert not again.allowed or time.monotonic() - begun > 2 * window - CLOCKS

    def test_wait_gives_up_at_once_when_it_would_be_in_vain(self, target: Store) -> None:
        """If the quota cannot return in time, `wait` raises at once and charges nothing."""
        api = target.rate_limiter("api", limit=2, window=LONG)
        api.hit("ann")
        begun = time.monotonic()
        with pytest.raises(TooManyRequests) as raised:
            api.wait("ann", 2, timeout=PATIENCE)
        assert time.monotonic() - begun < PATIENCE
        assert raised.value.decision is not None
        assert (api.hit("ann")).allowed

    def test_several_that_wait_are_admitted_one_by_one(self, target: Store) -> None:
        """Waiting callers share the quota like all others."""
        window = 0.2
        api = target.rate_limiter("api", limit=2, window=window)

        def wait(_: int) -> float:
            api.wait("ann", timeout=PATIENCE)
            return time.monotonic()

        begun = time.monotonic()
        times = sorted(concurrently(wait, [(turn,) for turn in range(6)]))
        assert times[-1] - begun > 2 * window - CLOCKS

    def test_all_of_charges_all_or_none(self, target: Store) -> None:
        """A refusal by one limit charges none of the others, and carries that limit's decision."""
        second = target.rate_limiter("second", limit=2, window=LONG)
        day = target.rate_limiter("day", limit=3, window=7 * LONG, algorithm="fixed")
        kind: Any = type(second)
        both = kind.all_of([second, day])
        decisions: list[Decision] = [both.hit("ann") for _ in range(4)]
        assert [decision.allowed for decision in decisions] == [True, True, False, False]
        assert [decision.name for decision in decisions] == ["second"] * 4
        assert (day.hit("ann")).remaining == 0
        assert not (both.hit("ann")).allowed
        second.reset("ann")
        assert (both.peek("ann")).name == "day"
        assert (both.hit("ann")).name == "day"
        assert (second.peek("ann")).remaining == 1
        both.reset("ann")
        assert (both.check("ann", 2)).allowed
        with pytest.raises(TooManyRequests):
            both.check("ann", 2)
        with pytest.raises(InvalidArgument):
            both.hit("ann", 3)

    def test_all_of_holds_under_contention(self, target: Store) -> None:
        """Of fifty hits the strictest limit's number pass, and each limit is charged that much."""
        first = target.rate_limiter("first", limit=30, window=LONG, algorithm="gcra")
        second = target.rate_limiter("second", limit=20, window=LONG)
        kind: Any = type(first)
        both = kind.all_of([first, second])
        decisions = concurrently(both.hit, [("ann",) for _ in range(50)])
        assert sum(decision.allowed for decision in decisions) == 20
        assert (first.hit("ann")).remaining == 9

    def test_all_of_takes_limiters_that_go_together(self, target: Store) -> None:
        """No limiter, or the same one twice, raises InvalidArgument."""
        api = target.rate_limiter("api", limit=1, window=LONG)
        kind: Any = type(api)
        with pytest.raises(InvalidArgument):
            kind.all_of([])
        with pytest.raises(InvalidArgument):
            kind.all_of([api, target.rate_limiter("api", limit=1, window=LONG)])

    @each_algorithm
    @pytest.mark.parametrize("cost", [0, -1, 4, 2**70, 1.0, True, "1", None])
    def test_bad_costs_are_refused(self, target: Store, algorithm: Algorithm, cost: Any) -> None:
        """A cost above the limit could never be admitted; nothing is charged."""
        api = target.rate_limiter("api", limit=3, window=LONG, algorithm=algorithm)
        for call in (api.hit, api.peek, api.check):
            with pytest.raises(InvalidArgument):
                call("ann", cost)
        with pytest.raises(InvalidArgument):
            api.wait("ann", cost, timeout=1)
        assert (api.hit("ann", 3)).allowed

    @pytest.mark.parametrize("name", NO_NAMES)
    def test_bad_names_are_refused(self, target: Store, name: Any) -> None:
        """InvalidArgument refuses a name or a subject that is not a valid name."""
        with pytest.raises(InvalidArgument):
            target.rate_limiter(name, limit=1, window=LONG)
        api = target.rate_limiter("api", limit=1, window=LONG)
        for call in (api.hit, api.peek, api.check, api.reset):
            with pytest.raises(InvalidArgument):
                call(name)

    @pytest.mark.parametrize(
        "options",
        [
            {"limit": 0}, {"limit": -1}, {"limit": 1.5}, {"limit": True}, {"limit": "1"},
            {"window": 0}, {"window": -1.0}, {"window": float("nan")}, {"window": float("inf")},
            {"window": "1"}, {"window": None}, {"algorithm": "leaky"}, {"algorithm": None},
            {"subwindows": 0}, {"subwindows": 1.5}, {"burst": 3}, {"algorithm": "gcra", "burst": 0},
            {"algorithm": "gcra", "burst": 6}, {"algorithm": "fixed", "burst": 2},
        ],
    )  # fmt: skip
    def test_bad_options_are_refused(self, target: Store, options: Any) -> None:
        """Making a limiter with invalid options raises InvalidArgument."""
        given: dict[str, Any] = {"limit": 5, "window": LONG, **options}
        with pytest.raises(InvalidArgument):
            target.rate_limiter("api", **given)

    @pytest.mark.parametrize("timeout", [-1, float("nan"), "1", None])
    def test_bad_timeouts_are_refused(self, target: Store, timeout: Any) -> None:
        """A timeout must be 0 or more seconds."""
        api = target.rate_limiter("api", limit=1, window=LONG)
        with pytest.raises(InvalidArgument):
            api.wait("ann", timeout=timeout)
        assert (api.hit("ann")).allowed


def _attack(
    api: RateLimiter, subject: str, window: float, *, rounds: int, least: int
) -> list[tuple[float, float]]:
    """Hit at random times, and in bursts after quiet spells; return the times of admitted hits.

    On a busy machine, where a round has few hits, go on until `least` were admitted.
    """
    chance = random.Random(1)
    admitted: list[tuple[float, float]] = []
    ends = time.monotonic() + PATIENCE
    while rounds > 0 or (len(admitted) < least and time.monotonic() < ends):
        rounds -= 1
        time.sleep(chance.choice([0.0, 0.5, 0.9, 1.0, 1.05]) * window)
        begun = time.monotonic()
        while time.monotonic() - begun < chance.random() * 1.5 * window:
            before = time.monotonic()
            if (api.hit(subject)).allowed:
                admitted.append((before, time.monotonic()))
            time.sleep(chance.choice([0.0, 0.0, 0.001, window / 10]))
    return admitted
