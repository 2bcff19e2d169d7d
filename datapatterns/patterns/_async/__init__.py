"""What all backends share, async; `_sync` beside it is generated."""
