"""Round trips, as a Redis server counts them: its reads from clients."""

from __future__ import annotations

from datapatterns.testing.servers.redis import ask

ASKING = 2  # what two calls of reads() add: the second INFO, and the end of the first connection


def reads(port: int) -> int:
    """Return how often the server at this port has read from a client so far."""
    stats = dict(line.split(":", 1) for line in ask(port, "INFO", "stats").split() if ":" in line)
    return int(stats["total_reads_processed"])
