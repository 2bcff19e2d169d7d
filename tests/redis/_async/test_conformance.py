"""The conformance suite on Redis, on Valkey and on a cluster, over every kind of client."""

from datapatterns.testing.conformance.aio import *  # noqa: F403 - pytest collects what is imported
