"""The tests of what every concurrency limiter promises."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from datapatterns import AsyncStore, Conflict, InvalidArgument
from datapatterns.contracts import AsyncConcurrencyLimiter, AsyncLease
from datapatterns.testing._async.concurrently import concurrently
from datapatterns.testing.conformance.samples import HOSTILE, NO_NAMES
from datapatterns.testing.waiting import async_eventually, spans

LONG = 600.0  # a lease that does not end within a test
SHORT = 0.3


async def refused(lease: AsyncLease) -> None:
    """Check that a lost lease cannot be extended."""
    with pytest.raises(Conflict) as raised:
        await lease.extend()
    assert raised.value.reason == "lease_lost"


async def acquired(limiter: AsyncConcurrencyLimiter, subject: str) -> AsyncLease:
    """Wait until a lease is free, and return it."""
    return await async_eventually(lambda: limiter.acquire(subject), "a free seat")


async def _release(lease: AsyncLease) -> bool:
    return await lease.release()


class TestConcurrencyLimiter:
    """Tests `target.concurrency_limiter` on a backend that declares `concurrency_limiter`."""

    pattern: ClassVar[str] = "concurrency_limiter"

    async def test_there_are_as_many_places_as_the_limit(self, target: AsyncStore) -> None:
        """`acquire` gives `limit` leases, then None, and again one for each released."""
        jobs = target.concurrency_limiter("jobs", limit=2, lease=LONG)
        first, second = await jobs.acquire("ann"), await jobs.acquire("ann")
        assert first is not None
        assert second is not None
        assert await jobs.acquire("ann") is None
        assert await first.release()
        assert await jobs.acquire("ann") is not None
        assert await jobs.acquire("ann") is None

    async def test_a_place_is_given_back_once(self, target: AsyncStore) -> None:
        """A second release returns False and frees nothing."""
        jobs = target.concurrency_limiter("jobs", limit=1, lease=LONG)
        lease = await acquired(jobs, "ann")
        assert await lease.release() is True
        assert await jobs.acquire("ann") is not None
        assert await lease.release() is False
        await refused(lease)
        assert await jobs.acquire("ann") is None

    async def test_a_dead_holders_place_comes_back(self, target: AsyncStore) -> None:
        """A lease that is never released ends by itself, and not before its time."""
        jobs = target.concurrency_limiter("jobs", limit=1, lease=SHORT)
        begun = time.monotonic()
        gone = await acquired(jobs, "ann")
        await acquired(jobs, "ann")
        assert time.monotonic() - begun > SHORT - 0.01
        await refused(gone)
        assert await gone.release() is False

    async def test_the_late_release_of_a_lost_place_frees_nothing(self, target: AsyncStore) -> None:
        """The late release leaves the place to the holder that has it by then."""
        jobs = target.concurrency_limiter("jobs", limit=1, lease=SHORT)
        lost = await acquired(jobs, "ann")
        kept = await acquired(target.concurrency_limiter("jobs", limit=1, lease=LONG), "ann")
        assert await lost.release() is False
        assert await jobs.acquire("ann") is None
        assert await kept.release() is True

    async def test_an_extended_place_is_kept(self, target: AsyncStore) -> None:
        """Extending in time holds the place for several leases, each counted from its extension."""
        for span in spans():
            jobs = target.concurrency_limiter("jobs", limit=1, lease=span.seconds)
            with span:
                lease = await acquired(jobs, f"ann {span.seconds}")
                begun = time.monotonic()
                while time.monotonic() - begun < 2 * span.seconds:
                    await lease.extend()
                    assert await jobs.acquire(f"ann {span.seconds}") is None
                    await asyncio.sleep(span.seconds / 20)
                assert await lease.release() is True

    async def test_a_place_is_held_for_as_long_as_asked(self, target: AsyncStore) -> None:
        """`extend(seconds)` counts from now, in seconds or as a timedelta, longer or shorter."""
        for span in spans():
            subject = f"ann {span.seconds}"
            jobs = target.concurrency_limiter("jobs", limit=1, lease=span.seconds)
            with span:
                lease = await acquired(jobs, subject)
                await lease.extend(timedelta(seconds=LONG))
                await asyncio.sleep(span.seconds + 0.1)
                assert await jobs.acquire(subject) is None
                await lease.extend(SHORT)
                await acquired(jobs, subject)
                await refused(lease)

    async def test_a_short_lease_does_not_end_a_long_one(self, target: AsyncStore) -> None:
        """Each lease ends at its own time, whatever other leases are acquired and released."""
        long = target.concurrency_limiter("jobs", limit=2, lease=LONG)
        short = target.concurrency_limiter("jobs", limit=2, lease=SHORT)
        kept = await acquired(long, "ann")
        await acquired(short, "ann")
        await acquired(long, "ann")  # as soon as the short one is over
        assert await short.acquire("ann") is None
        assert await kept.release() is True

    async def test_a_lease_that_has_ended_stays_ended(self, target: AsyncStore) -> None:
        """Extending too late raises Conflict (`lease_lost`), even if no other holder has come."""
        long = target.concurrency_limiter("jobs", limit=2, lease=LONG)
        kept = await acquired(long, "ann")
        late = await acquired(target.concurrency_limiter("jobs", limit=2, lease=SHORT), "ann")
        unused = await acquired(target.concurrency_limiter("jobs", limit=3, lease=SHORT), "ann")
        await asyncio.sleep(SHORT + 0.1)
        await refused(late)
        assert await unused.release() is False
        await kept.extend()

    async def test_a_lease_is_a_context(self, target: AsyncStore) -> None:
        """Leaving the block releases the lease, also after an error."""
        jobs = target.concurrency_limiter("jobs", limit=1, lease=LONG)
        async with await acquired(jobs, "ann"):
            assert await jobs.acquire("ann") is None
        lease = await acquired(jobs, "ann")
        with pytest.raises(KeyError):
            async with lease:
                raise KeyError
        assert await jobs.acquire("ann") is not None

    async def test_many_callers_share_the_places(self, target: AsyncStore) -> None:
        """Of forty callers at once exactly `limit` get a lease."""
        jobs = target.concurrency_limiter("jobs", limit=3, lease=LONG)
        leases = await concurrently(jobs.acquire, [("ann",) for _ in range(40)])
        held = [lease for lease in leases if lease is not None]
        assert len(held) == 3
        assert await concurrently(_release, [(lease,) for lease in held]) == [True] * 3

    async def test_subjects_and_names_stay_apart(self, target: AsyncStore) -> None:
        """No subject or limiter, whatever its name, uses the places of another."""
        jobs = target.concurrency_limiter("jobs", limit=1, lease=LONG)
        for name in HOSTILE:
            assert await jobs.acquire("x" + name) is not None
            other = target.concurrency_limiter("x" + name, limit=1, lease=LONG)
            assert await other.acquire("ann") is not None
        assert await jobs.acquire("ann") is not None

    @pytest.mark.parametrize("name", NO_NAMES)
    async def test_bad_names_are_refused(self, target: AsyncStore, name: Any) -> None:
        """InvalidArgument refuses a name or a subject that is not a valid name."""
        with pytest.raises(InvalidArgument):
            target.concurrency_limiter(name, limit=1, lease=LONG)
        with pytest.raises(InvalidArgument):
            await target.concurrency_limiter("jobs", limit=1, lease=LONG).acquire(name)

    @pytest.mark.parametrize("limit", [0, -1, 1.0, True, "1", None])
    async def test_bad_limits_are_refused(self, target: AsyncStore, limit: Any) -> None:
        """A limit must be a whole number above 0."""
        with pytest.raises(InvalidArgument):
            target.concurrency_limiter("jobs", limit=limit, lease=LONG)

    @pytest.mark.parametrize("lease", [0, -1.0, float("nan"), float("inf"), True, "1", None])
    async def test_bad_leases_are_refused(self, target: AsyncStore, lease: Any) -> None:
        """A lease must be a time above 0."""
        with pytest.raises(InvalidArgument):
            target.concurrency_limiter("jobs", limit=1, lease=lease)
