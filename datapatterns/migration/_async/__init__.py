"""The async migration; `_sync` beside it is generated."""
