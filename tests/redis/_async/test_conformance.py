"""The conformance suite on Redis, on Valkey and on a cluster, over every kind of client."""

from __future__ import annotations

from datapatterns.testing.conformance._async.calendar_counter import AsyncCalendarCounterConformance
from datapatterns.testing.conformance._async.capabilities import AsyncCapabilitiesConformance
from datapatterns.testing.conformance._async.concurrency_limiter import (
    AsyncConcurrencyLimiterConformance,
)
from datapatterns.testing.conformance._async.counter import AsyncCounterConformance
from datapatterns.testing.conformance._async.deliveries import AsyncDeliveriesConformance
from datapatterns.testing.conformance._async.emitter import AsyncEmitterConformance
from datapatterns.testing.conformance._async.groups import AsyncGroupsConformance
from datapatterns.testing.conformance._async.leaderboard import AsyncLeaderboardConformance
from datapatterns.testing.conformance._async.queue_worker import AsyncQueueWorkerConformance
from datapatterns.testing.conformance._async.rate_limiter import AsyncRateLimiterConformance
from datapatterns.testing.conformance._async.work_queue import AsyncWorkQueueConformance


class TestCapabilities(AsyncCapabilitiesConformance):
    """What Redis says it can do."""


class TestCounter(AsyncCounterConformance):
    """The counter."""


class TestCalendarCounter(AsyncCalendarCounterConformance):
    """The calendar counter."""


class TestRateLimiter(AsyncRateLimiterConformance):
    """The rate limiter."""


class TestConcurrencyLimiter(AsyncConcurrencyLimiterConformance):
    """The concurrency limiter."""


class TestEmitter(AsyncEmitterConformance):
    """The emitter."""


class TestGroups(AsyncGroupsConformance):
    """Groups."""


class TestLeaderboard(AsyncLeaderboardConformance):
    """The leaderboard."""


class TestWorkQueue(AsyncWorkQueueConformance):
    """The work queue."""


class TestDeliveries(AsyncDeliveriesConformance):
    """Deliveries of the work queue."""


class TestQueueWorker(AsyncQueueWorkerConformance):
    """The worker on a queue."""
