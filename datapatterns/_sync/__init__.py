# Generated from datapatterns/_async/__init__.py by scripts/unasync.py; do not edit.
"""The async face: the source from which the sync one is generated."""
