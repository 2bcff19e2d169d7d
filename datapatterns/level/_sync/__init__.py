# Generated from datapatterns/level/_async/__init__.py by scripts/unasync.py; do not edit.
"""The async source of the LevelDB patterns; `_sync` beside it is generated."""
