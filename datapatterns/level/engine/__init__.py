"""The embedded store itself: keys, batches, one write lock."""
