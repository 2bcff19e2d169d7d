"""The conformance suite on CouchDB, over each kind of client."""

from datapatterns.testing.conformance.aio import *  # noqa: F403 - pytest collects what is imported
