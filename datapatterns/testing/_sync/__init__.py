# Generated from datapatterns/testing/_async/__init__.py by scripts/unasync.py; do not edit.
"""Helpers for tests in the async face: the source from which the sync ones are generated."""
