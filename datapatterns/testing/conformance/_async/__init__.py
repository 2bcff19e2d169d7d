"""The classes of the conformance suite in the async face: the source of those in the sync one.

A class that is not listed here runs on no backend; a test compares this list with the modules.
"""

from datapatterns.testing.conformance._async.calendar_counter import TestCalendarCounter
from datapatterns.testing.conformance._async.capabilities import TestCapabilities
from datapatterns.testing.conformance._async.changes import TestChangesFeed, TestChangesWorker
from datapatterns.testing.conformance._async.concurrency_limiter import TestConcurrencyLimiter
from datapatterns.testing.conformance._async.counter import TestCounter
from datapatterns.testing.conformance._async.deliveries import TestDeliveries
from datapatterns.testing.conformance._async.emitter import TestEmitter
from datapatterns.testing.conformance._async.groups import TestGroups
from datapatterns.testing.conformance._async.indexes import TestIndexes
from datapatterns.testing.conformance._async.leaderboard import TestLeaderboard
from datapatterns.testing.conformance._async.misfits import TestMisfits
from datapatterns.testing.conformance._async.models import (
    TestModels,
    TestModelsOfItems,
    TestModelsOfPayloads,
)
from datapatterns.testing.conformance._async.moments import TestMoments
from datapatterns.testing.conformance._async.paging import TestPages
from datapatterns.testing.conformance._async.queue_ids import TestQueueIds
from datapatterns.testing.conformance._async.queue_items import TestQueueItems
from datapatterns.testing.conformance._async.queue_worker import TestQueueWorker
from datapatterns.testing.conformance._async.rate_limiter import TestRateLimiter
from datapatterns.testing.conformance._async.repository import TestRepository
from datapatterns.testing.conformance._async.work_queue import TestWorkQueue

__all__ = [
    "TestCalendarCounter",
    "TestCapabilities",
    "TestChangesFeed",
    "TestChangesWorker",
    "TestConcurrencyLimiter",
    "TestCounter",
    "TestDeliveries",
    "TestEmitter",
    "TestGroups",
    "TestIndexes",
    "TestLeaderboard",
    "TestMisfits",
    "TestModels",
    "TestModelsOfItems",
    "TestModelsOfPayloads",
    "TestMoments",
    "TestPages",
    "TestQueueIds",
    "TestQueueItems",
    "TestQueueWorker",
    "TestRateLimiter",
    "TestRepository",
    "TestWorkQueue",
]
