"""What needs no I/O and no driver: plain values and functions."""
