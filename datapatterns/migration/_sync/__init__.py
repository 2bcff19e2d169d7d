# Generated from datapatterns/migration/_async/__init__.py by scripts/unasync.py; do not edit.
"""The async migration; `_sync` beside it is generated."""
