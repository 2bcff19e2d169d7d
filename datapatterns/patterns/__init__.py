"""What all backends share of a pattern: bases, workers, relays."""
