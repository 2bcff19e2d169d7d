"""The async wire; `_sync` beside it is generated."""
