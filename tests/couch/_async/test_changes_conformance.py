"""The conformance suite of the changes feed and its worker on CouchDB, over each kind of client."""

from __future__ import annotations

import pytest

from datapatterns.testing.conformance._async.changes import (
    AsyncChangesFeedConformance,
    AsyncChangesWorkerConformance,
)


@pytest.mark.parametrize("target", ["url", "httpx"], indirect=True)
class TestChangesFeed(AsyncChangesFeedConformance):
    """The feed."""


@pytest.mark.parametrize("target", ["httpx2"], indirect=True)
class TestChangesWorker(AsyncChangesWorkerConformance):
    """The worker."""
