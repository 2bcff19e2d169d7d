# Generated from datapatterns/testing/conformance/_async/__init__.py by scripts/unasync.py; do not edit.
"""The classes of the conformance suite in the async face: the source of those in the sync one.

A class that is not listed here runs on no backend; a test compares this list with the modules.
"""

from datapatterns.testing.conformance._sync.bad_documents import TestBadDocuments
from datapatterns.testing.conformance._sync.calendar_counter import TestCalendarCounter
from datapatterns.testing.conformance._sync.capabilities import TestCapabilities
from datapatterns.testing.conformance._sync.changes import TestChangesFeed, TestChangesWorker
from datapatterns.testing.conformance._sync.concurrency_limiter import TestConcurrencyLimiter
from datapatterns.testing.conformance._sync.counter import TestCounter
from datapatterns.testing.conformance._sync.deliveries import TestDeliveries
from datapatterns.testing.conformance._sync.emitter import TestEmitter
from datapatterns.testing.conformance._sync.expiry import TestExpiry
from datapatterns.testing.conformance._sync.groups import TestGroups
from datapatterns.testing.conformance._sync.index_definitions import TestIndexDefinitions
from datapatterns.testing.conformance._sync.indexes import TestIndexes
from datapatterns.testing.conformance._sync.leaderboard import TestLeaderboard
from datapatterns.testing.conformance._sync.misfits import TestMisfits
from datapatterns.testing.conformance._sync.models import (
    TestModels,
    TestModelsOfItems,
    TestModelsOfPayloads,
)
from datapatterns.testing.conformance._sync.moments import TestMoments
from datapatterns.testing.conformance._sync.paging import TestPages
from datapatterns.testing.conformance._sync.patches import TestImmutable, TestPatches, TestPut
from datapatterns.testing.conformance._sync.queue_ids import TestQueueIds
from datapatterns.testing.conformance._sync.queue_items import TestQueueItems
from datapatterns.testing.conformance._sync.queue_worker import TestQueueWorker
from datapatterns.testing.conformance._sync.rate_limiter import TestRateLimiter
from datapatterns.testing.conformance._sync.repository import TestRepository
from datapatterns.testing.conformance._sync.schema_versions import TestRewrite, TestSchemaVersions
from datapatterns.testing.conformance._sync.work_queue import TestWorkQueue

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
