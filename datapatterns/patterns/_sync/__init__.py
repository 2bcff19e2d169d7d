# Generated from datapatterns/patterns/_async/__init__.py by scripts/unasync.py; do not edit.
"""What all backends share, async; `_sync` beside it is generated."""
