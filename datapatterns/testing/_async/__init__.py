"""Helpers for tests in the async face: the source from which the sync ones are generated."""
