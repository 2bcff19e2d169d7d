"""The async store; `_sync` beside it is generated."""
