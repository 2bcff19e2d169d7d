# Generated from tests/couch/_async/test_capabilities.py by scripts/unasync.py; do not edit.
"""What CouchDB does not have is refused, and what it has is there."""

from __future__ import annotations

from datapatterns.testing.conformance._sync.capabilities import CapabilitiesConformance


class TestCapabilities(CapabilitiesConformance):
    """The capabilities."""
