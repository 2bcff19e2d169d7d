# Generated from tests/contracts/_async/test_conformance.py by scripts/unasync.py; do not edit.
"""The conformance suite on LevelDB."""

from datapatterns.testing.conformance import *  # noqa: F403 - pytest collects what is imported
