# Generated from tests/contracts/_async/test_conformance.py by scripts/unasync.py; do not edit.
"""Every pattern's conformance class, on every backend that declares the pattern."""

from __future__ import annotations

from datapatterns.testing.conformance._sync.calendar_counter import CalendarCounterConformance
from datapatterns.testing.conformance._sync.capabilities import CapabilitiesConformance
from datapatterns.testing.conformance._sync.changes import (
    ChangesFeedConformance,
    ChangesWorkerConformance,
)
from datapatterns.testing.conformance._sync.concurrency_limiter import (
    ConcurrencyLimiterConformance,
)
from datapatterns.testing.conformance._sync.counter import CounterConformance
from datapatterns.testing.conformance._sync.deliveries import DeliveriesConformance
from datapatterns.testing.conformance._sync.emitter import EmitterConformance
from datapatterns.testing.conformance._sync.groups import GroupsConformance
from datapatterns.testing.conformance._sync.leaderboard import LeaderboardConformance
from datapatterns.testing.conformance._sync.queue_worker import QueueWorkerConformance
from datapatterns.testing.conformance._sync.rate_limiter import RateLimiterConformance
from datapatterns.testing.conformance._sync.work_queue import WorkQueueConformance


class TestCapabilities(CapabilitiesConformance):
    """What each backend says it can do."""


class TestCounter(CounterConformance):
    """The counter."""


class TestCalendarCounter(CalendarCounterConformance):
    """The calendar counter."""


class TestRateLimiter(RateLimiterConformance):
    """The rate limiter."""


class TestConcurrencyLimiter(ConcurrencyLimiterConformance):
    """The concurrency limiter."""


class TestChangesFeed(ChangesFeedConformance):
    """The changes feed."""


class TestChangesWorker(ChangesWorkerConformance):
    """The changes worker."""


class TestEmitter(EmitterConformance):
    """The emitter."""


class TestGroups(GroupsConformance):
    """Groups."""


class TestLeaderboard(LeaderboardConformance):
    """The leaderboard."""


class TestWorkQueue(WorkQueueConformance):
    """The work queue."""


class TestDeliveries(DeliveriesConformance):
    """Deliveries of the work queue."""


class TestQueueWorker(QueueWorkerConformance):
    """The worker on a queue."""
