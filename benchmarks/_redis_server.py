"""The one Redis server of a run, and what is measured on it."""

from __future__ import annotations

import time
from collections.abc import Callable

import redis

from benchmarks import _queues
from benchmarks._runner import Bench
from datapatterns.testing.servers import RedisServer


class Server:
    """The one server, empty at the beginning of each line."""

    running: RedisServer

    def url(self) -> str:
        """Its address, after everything in it is forgotten."""
        self.running.ask("FLUSHALL")
        self.running.ask("SCRIPT", "FLUSH")
        _queues.port = self.running.port
        return self.running.url


server = Server()


def client(bench: Bench, url: str) -> redis.Redis:
    """A plain client, closed at the end."""
    made = redis.Redis.from_url(url)
    bench.stack.callback(made.close)
    return made


def trips(work: Callable[[], object], count: int) -> float:
    """The server's reads for each of them."""
    before = _queues.reads()
    for _ in range(count):
        work()
    return (_queues.reads() - before - _queues.ASKING) / count


def rate(work: Callable[[], object], count: int) -> float:
    """How many a second."""
    began = time.perf_counter()
    for _ in range(count):
        work()
    return count / (time.perf_counter() - began)
