"""The async source of the LevelDB patterns; `_sync` beside it is generated."""
