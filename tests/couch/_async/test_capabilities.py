"""What CouchDB does not have is refused, and what it has is there."""

from __future__ import annotations

from datapatterns.testing.conformance._async.capabilities import AsyncCapabilitiesConformance


class TestCapabilities(AsyncCapabilitiesConformance):
    """The capabilities."""
