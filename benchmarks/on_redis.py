"""All questions about the patterns on Redis, on one server: `scripts/bench redis`.

Round trips are the server's own count of its reads, so no noise of the machine changes them.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from benchmarks import redis_emitter, redis_limiter, redis_queue, redis_repository
from benchmarks._redis_server import server
from benchmarks._runner import Bench, main, versions
from datapatterns.testing.servers.redis import RedisServer

LINES = [
    redis_limiter.limiter_trips, redis_limiter.limiter_admitted, redis_limiter.limiter_refused,
    redis_queue.queue_trips, redis_queue.queue_rate_1, redis_queue.queue_rate_16,
    redis_emitter.emitter_rate, redis_emitter.emitter_latency,
    redis_emitter.emitter_lost, redis_emitter.emitter_unreported,
    redis_repository.repository_create_trips, redis_repository.repository_get_trips,
    redis_repository.repository_update_trips, redis_repository.repository_rate,
]  # fmt: skip


def facts(bench: Bench) -> Iterable[str]:
    """Return the versions of the server and of the peers."""
    yield f"server: {server.running.version}"
    yield "peers: " + versions(
        "redis", "hiredis", "limits", "throttled-py", "pyrate-limiter", "rq", "saq", "huey",
        "streaq", "dramatiq", "taskiq", "taskiq-redis", "broadcaster", "redis-om",
    )  # fmt: skip


if __name__ == "__main__":
    with RedisServer() as server.running, suppress(KeyboardInterrupt):
        main("Redis: patterns beside their peers", LINES, facts)
