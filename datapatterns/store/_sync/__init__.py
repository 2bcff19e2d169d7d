# Generated from datapatterns/store/_async/__init__.py by scripts/unasync.py; do not edit.
"""The async store; `_sync` beside it is generated."""
