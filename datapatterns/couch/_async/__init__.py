"""The async source of the CouchDB patterns; `_sync` beside it is generated."""
