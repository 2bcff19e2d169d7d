# Generated from tests/contracts/_async/test_conformance.py by scripts/unasync.py; do not edit.
"""Every pattern's conformance class, on every backend that declares the pattern."""

from __future__ import annotations

from datapatterns.testing._sync.changes import (
    ChangesFeedConformance,
    ChangesWorkerConformance,
)


class TestChangesFeed(ChangesFeedConformance):
    """The changes feed."""


class TestChangesWorker(ChangesWorkerConformance):
    """The changes worker."""
