# Generated from datapatterns/couch/database/_async/__init__.py by scripts/unasync.py; do not edit.
"""The async database; `_sync` beside it is generated."""
