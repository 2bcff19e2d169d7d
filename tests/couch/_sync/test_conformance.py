# Generated from tests/couch/_async/test_conformance.py by scripts/unasync.py; do not edit.
"""The conformance suite on CouchDB, over each kind of client."""

from datapatterns.testing.conformance import *  # noqa: F403 - pytest collects what is imported
