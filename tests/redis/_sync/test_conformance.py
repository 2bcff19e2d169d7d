# Generated from tests/redis/_async/test_conformance.py by scripts/unasync.py; do not edit.
"""The conformance suite on Redis, on Valkey and on a cluster, over every kind of client."""

from datapatterns.testing.conformance import *  # noqa: F403 - pytest collects what is imported
