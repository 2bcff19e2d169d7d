"""The async source of the Redis patterns; `_sync` beside it is generated."""
