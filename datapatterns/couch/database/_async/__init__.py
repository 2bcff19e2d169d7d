"""The async database; `_sync` beside it is generated."""
