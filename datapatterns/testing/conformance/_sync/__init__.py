# Generated from datapatterns/testing/conformance/_async/__init__.py by scripts/unasync.py; do not edit.
"""The conformance suite in the async face: the source from which the sync one is generated."""
