# Generated from datapatterns/couch/_async/__init__.py by scripts/unasync.py; do not edit.
"""The async source of the CouchDB patterns; `_sync` beside it is generated."""
