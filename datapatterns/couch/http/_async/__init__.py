"""The async requests; `_sync` beside it is generated."""
