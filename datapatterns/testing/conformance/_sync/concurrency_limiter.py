# Generated from datapatterns/testing/conformance/_async/concurrency_limiter.py by scripts/unasync.py; do not edit.
"""The tests of what every concurrency limiter promises."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from datapatterns import Conflict, InvalidArgument, Store
from datapatterns.contracts import ConcurrencyLimiter, Lease
from datapatterns.testing._sync.concurrently import concurrently
from datapatterns.testing.conformance.samples import HOSTILE, NO_NAMES
from datapatterns.testing.waiting import eventually, spans

LONG = 600.0  # a lease that does not end within a test
SHORT = 0.3


def refused(lease: Lease) -> None:
    """Check that a lost lease cannot be extended."""
    with pytest.raises(Conflict) as raised:
        lease.extend()
    assert raised.value.reason == "lease_lost"


def acquired(limiter: ConcurrencyLimiter, subject: str) -> Lease:
    """Wait until a lease is free, and return it."""
    return eventually(lambda: limiter.acquire(subject), "a free seat")


def _release(lease: Lease) -> bool:
    return lease.release()


class TestConcurrencyLimiter:
    """Tests `target.concurrency_limiter` on a backend that declares `concurrency_limiter`."""

    pattern: ClassVar[str] = "concurrency_limiter"

    def test_there_are_as_many_places_as_the_limit(self, target: Store) -> None:
        """`acquire` gives `limit` leases, then None, and again one for each released."""
        jobs = target.concurrency_limiter("jobs", limit=2, lease=LONG)
        first, second = jobs.acquire("ann"), jobs.acquire("ann")
        assert first is not None
        assert second is not None
        assert jobs.acquire("ann") is None
        assert first.release()
        assert jobs.acquire("ann") is not None
        assert jobs.acquire("ann") is None

    def test_a_place_is_given_back_once(self, target: Store) -> None:
        """A second release returns False and frees nothing."""
        jobs = target.concurrency_limiter("jobs", limit=1, lease=LONG)
        lease = acquired(jobs, "ann")
        assert lease.release() is True
        assert jobs.acquire("ann") is not None
        assert lease.release() is False
        refused(lease)
        assert jobs.acquire("ann") is None

    def test_a_dead_holders_place_comes_back(self, target: Store) -> None:
        """A lease that is never released ends by itself, and not before its time."""
        jobs = target.concurrency_limiter("jobs", limit=1, lease=SHORT)
        begun = time.monotonic()
        gone = acquired(jobs, "ann")
        acquired(jobs, "ann")
        assert time.monotonic() - begun > SHORT - 0.01
        refused(gone)
        assert gone.release() is False

    def test_the_late_release_of_a_lost_place_frees_nothing(self, target: Store) -> None:
        """The late release leaves the place to the holder that has it by then."""
        jobs = target.concurrency_limiter("jobs", limit=1, lease=SHORT)
        lost = acquired(jobs, "ann")
        kept = acquired(target.concurrency_limiter("jobs", limit=1, lease=LONG), "ann")
        assert lost.release() is False
        assert jobs.acquire("ann") is None
        assert kept.release() is True

    def test_an_extended_place_is_kept(self, target: Store) -> None:
        """Extending in time holds the place for several leases, each counted from its extension."""
        for span in spans():
            jobs = target.concurrency_limiter("jobs", limit=1, lease=span.seconds)
            with span:
                lease = acquired(jobs, f"ann {span.seconds}")
                begun = time.monotonic()
                while time.monotonic() - begun < 2 * span.seconds:
                    lease.extend()
                    assert jobs.acquire(f"ann {span.seconds}") is None
                    time.sleep(span.seconds / 20)
                assert lease.release() is True

    def test_a_place_is_held_for_as_long_as_asked(self, target: Store) -> None:
        """`extend(seconds)` counts from now, in seconds or as a timedelta, longer or shorter."""
        for span in spans():
            subject = f"ann {span.seconds}"
            jobs = target.concurrency_limiter("jobs", limit=1, lease=span.seconds)
            with span:
                lease = acquired(jobs, subject)
                lease.extend(timedelta(seconds=LONG))
                time.sleep(span.seconds + 0.1)
                assert jobs.acquire(subject) is None
                lease.extend(SHORT)
                acquired(jobs, subject)
                refused(lease)

    def test_a_short_lease_does_not_end_a_long_one(self, target: Store) -> None:
        """Each lease ends at its own time, whatever other leases are acquired and released."""
        long = target.concurrency_limiter("jobs", limit=2, lease=LONG)
        short = target.concurrency_limiter("jobs", limit=2, lease=SHORT)
        kept = acquired(long, "ann")
        acquired(short, "ann")
        acquired(long, "ann")  # as soon as the short one is over
        assert short.acquire("ann") is None
        assert kept.release() is True

    def test_a_lease_that_has_ended_stays_ended(self, target: Store) -> None:
        """Extending too late raises Conflict (`lease_lost`), even if no other holder has come."""
        long = target.concurrency_limiter("jobs", limit=2, lease=LONG)
        kept = acquired(long, "ann")
        late = acquired(target.concurrency_limiter("jobs", limit=2, lease=SHORT), "ann")
        unused = acquired(target.concurrency_limiter("jobs", limit=3, lease=SHORT), "ann")
        time.sleep(SHORT + 0.1)
        refused(late)
        assert unused.release() is False
        kept.extend()

    def test_a_lease_is_a_context(self, target: Store) -> None:
        """Leaving the block releases the lease, also after an error."""
        jobs = target.concurrency_limiter("jobs", limit=1, lease=LONG)
        with acquired(jobs, "ann"):
            assert jobs.acquire("ann") is None
        lease = acquired(jobs, "ann")
        with pytest.raises(KeyError):
            with lease:
                raise KeyError
        assert jobs.acquire("ann") is not None

    def test_many_callers_share_the_places(self, target: Store) -> None:
        """Of forty callers at once exactly `limit` get a lease."""
        jobs = target.concurrency_limiter("jobs", limit=3, lease=LONG)
        leases = concurrently(jobs.acquire, [("ann",) for _ in range(40)])
        held = [lease for lease in leases if lease is not None]
        assert len(held) == 3
        assert concurrently(_release, [(lease,) for lease in held]) == [True] * 3

    def test_subjects_and_names_stay_apart(self, target: Store) -> None:
        """No subject or limiter, whatever its name, uses the places of another."""
        jobs = target.concurrency_limiter("jobs", limit=1, lease=LONG)
        for name in HOSTILE:
            assert jobs.acquire("x" + name) is not None
            other = target.concurrency_limiter("x" + name, limit=1, lease=LONG)
            assert other.acquire("ann") is not None
        assert jobs.acquire("ann") is not None

    @pytest.mark.parametrize("name", NO_NAMES)
    def test_bad_names_are_refused(self, target: Store, name: Any) -> None:
        """InvalidArgument refuses a name or a subject that is not a valid name."""
        with pytest.raises(InvalidArgument):
            target.concurrency_limiter(name, limit=1, lease=LONG)
        with pytest.raises(InvalidArgument):
            target.concurrency_limiter("jobs", limit=1, lease=LONG).acquire(name)

    @pytest.mark.parametrize("limit", [0, -1, 1.0, True, "1", None])
    def test_bad_limits_are_refused(self, target: Store, limit: Any) -> None:
        """A limit must be a whole number above 0."""
        with pytest.raises(InvalidArgument):
            target.concurrency_limiter("jobs", limit=limit, lease=LONG)

    @pytest.mark.parametrize("lease", [0, -1.0, float("nan"), float("inf"), True, "1", None])
    def test_bad_leases_are_refused(self, target: Store, lease: Any) -> None:
        """A lease must be a time above 0."""
        with pytest.raises(InvalidArgument):
            target.concurrency_limiter("jobs", limit=1, lease=lease)
