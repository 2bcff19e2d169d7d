# Generated from datapatterns/couch/http/_async/__init__.py by scripts/unasync.py; do not edit.
"""The async requests; `_sync` beside it is generated."""
