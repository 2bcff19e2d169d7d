# Generated from datapatterns/redis/wire/_async/__init__.py by scripts/unasync.py; do not edit.
"""The async wire; `_sync` beside it is generated."""
