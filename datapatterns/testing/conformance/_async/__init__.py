"""The classes of the conformance suite in the async face: the source of those in the sync one.

A class that is not listed here runs on no backend; a test compares this list with the modules.
"""

from datapatterns.testing.conformance._async.bad_documents import TestBadDocuments
from datapatterns.testing.conformance._async.calendar_counter import TestCalendarCounter
from datapatterns.testing.conformance._async.capabilities import TestCapabilities
from datapatterns.testing.conformance._async.changes import TestChangesFeed, TestChangesWorker
from datapatterns.testing.conformance._async.concurrency_limiter import TestConcurrencyLimiter
from datapatterns.testing.conformance._async.counter import TestCounter
from datapatterns.testing.conformance._async.deliveries import TestDeliveries
from datapatterns.testing.conformance._async.emitter import TestEmitter
from datapatterns.testing.conformance._async.expiry import TestExpiry
from datapatterns.testing.conformance._async.groups import TestGroups
from datapatterns.testing.conformance._async.index_definitions import TestIndexDefinitions
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
from datapatterns.testing.conformance._async.patches import TestImmutable, TestPatches, TestPut
from datapatterns.testing.conformance._async.queue_ids import TestQueueIds
from datapatterns.testing.conformance._async.queue_items import TestQueueItems
from datapatterns.testing.conformance._async.queue_worker import TestQueueWorker
from datapatterns.testing.conformance._async.rate_limiter import TestRateLimiter
from datapatterns.testing.conformance._async.repository import TestRepository
from datapatterns.testing.conformance._async.schema_versions import TestRewrite, TestSchemaVersions
from datapatterns.testing.conformance._async.work_queue import TestWorkQueue

__all__ = [
    "TestBadDocuments",
    "TestCalendarCounter",
    "TestCapabilities",
    "TestChangesFeed",
    "TestChangesWorker",
    "TestConcurrencyLimiter",
    "TestCounter",
    "TestDeliveries",
    "TestEmitter",
    "TestExpiry",
    "TestGroups",
    "TestImmutable",
    "TestIndexDefinitions",
    "TestIndexes",
    "TestLeaderboard",
    "TestMisfits",
    "TestModels",
    "TestModelsOfItems",
    "TestModelsOfPayloads",
    "TestMoments",
    "TestPages",
    "TestPatches",
    "TestPut",
    "TestQueueIds",
    "TestQueueItems",
    "TestQueueWorker",
    "TestRateLimiter",
    "TestRepository",
    "TestRewrite",
    "TestSchemaVersions",
    "TestWorkQueue",
]
