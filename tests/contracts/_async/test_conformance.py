"""Every pattern's conformance class, on every backend that declares the pattern."""

from __future__ import annotations

from datapatterns.testing._async.changes import (
    AsyncChangesFeedConformance,
    AsyncChangesWorkerConformance,
)


class TestChangesFeed(AsyncChangesFeedConformance):
    """The changes feed."""


class TestChangesWorker(AsyncChangesWorkerConformance):
    """The changes worker."""
