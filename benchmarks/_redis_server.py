"""The one Redis server of a run, and how round trips and rates are measured on it."""

from __future__ import annotations

import time
from collections.abc import Callable

import redis

from benchmarks._round_trips import ASKING, reads
from benchmarks._runner import Bench
from datapatterns.testing.servers.redis import RedisServer

PATIENCE = 120.0  # seconds for a peer's process


class Server:
    """The one server of the run; `running` is set by the program that starts it."""

    running: RedisServer

    def url(self) -> str:
        """Empty the server and return its URL."""
        self.running.ask("FLUSHALL")
        self.running.ask("SCRIPT", "FLUSH")
        return self.running.url


server = Server()


def client(bench: Bench, url: str) -> redis.Redis:
    """Return a plain client, which is closed when the line ends."""
    made = redis.Redis.from_url(url)
    bench.stack.callback(made.close)
    return made


def trips(work: Callable[[], object], count: int) -> float:
    """Return the server's reads for one call of `work`, over `count` calls."""
    before = reads(server.running.port)
    for _ in range(count):
        work()
    return (reads(server.running.port) - before - ASKING) / count


def rate(work: Callable[[], object], count: int) -> float:
    """Return how many calls of `work` are made a second, over `count` calls."""
    began = time.perf_counter()
    for _ in range(count):
        work()
    return count / (time.perf_counter() - began)
