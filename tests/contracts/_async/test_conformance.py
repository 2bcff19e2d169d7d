"""The conformance suite on LevelDB."""

from datapatterns.testing.conformance.aio import *  # noqa: F403 - pytest collects what is imported
