# Generated from tests/couch/_async/test_changes_conformance.py by scripts/unasync.py; do not edit.
"""The conformance suite of the changes feed and its worker on CouchDB, over each kind of client."""

from __future__ import annotations

import pytest

from datapatterns.testing.conformance._sync.changes import (
    ChangesFeedConformance,
    ChangesWorkerConformance,
)


@pytest.mark.parametrize("target", ["url", "httpx"], indirect=True)
class TestChangesFeed(ChangesFeedConformance):
    """The feed."""


@pytest.mark.parametrize("target", ["httpx2"], indirect=True)
class TestChangesWorker(ChangesWorkerConformance):
    """The worker."""
