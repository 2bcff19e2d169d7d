"""Looking at a directory, and repairing it."""
