"""What the library can do, shown on real records."""
