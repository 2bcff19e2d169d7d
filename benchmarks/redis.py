"""The patterns on Redis beside the libraries people use for them, all on one server.

Round trips are the server's own count of reads, so that no noise touches them.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

from limits import RateLimitItemPerHour, strategies
from limits.storage import RedisStorage
from pyrate_limiter import Duration, Limiter, Rate, RedisBucket
from throttled import RedisStore, Throttled, per_hour

from benchmarks import _events, _queues
from benchmarks._redis_server import client, rate, server, trips
from benchmarks._repositories import (
    repository_create_trips,
    repository_get_trips,
    repository_rate,
    repository_update_trips,
)
from benchmarks._runner import Bench, Line, at_least, at_most, main, versions
from datapatterns.redis import RateLimiter
from datapatterns.testing.servers import RedisServer

QUOTA = 1_000_000  # per hour: never reached
PATIENCE = 120.0  # seconds for a peer's process


# --- rate limiter


def hitters(bench: Bench, quota: int) -> dict[str, Callable[[], bool]]:
    """One hit of a hot subject, whether it was admitted; each window an hour."""
    url = server.url()
    plain = client(bench, url)
    ours = RateLimiter(client(bench, url), "api", limit=quota, window=3600.0)
    storage = RedisStorage(url)
    moving, fixed = (
        strategies.MovingWindowRateLimiter(storage),
        strategies.FixedWindowRateLimiter(storage),
    )
    item = RateLimitItemPerHour(quota)
    throttled = Throttled("alice", using="sliding_window", quota=per_hour(quota),
                          store=RedisStore(server=url), timeout=-1)  # fmt: skip
    bucket = RedisBucket.init([Rate(quota, Duration.HOUR)], client(bench, url), "pyrate")
    pyrate = Limiter(bucket)
    return {
        "ours": lambda: ours.hit("alice").allowed,
        "limits, moving window": lambda: moving.hit(item, "moving", "alice"),
        "limits, fixed window": lambda: fixed.hit(item, "fixed", "alice"),
        "throttled-py, sliding": lambda: not throttled.limit().limited,
        "pyrate-limiter": lambda: bool(pyrate.try_acquire("alice", blocking=False)),
        "INCR": lambda: bool(plain.incr("alice")),
    }


def limiter_trips(bench: Bench) -> Line:
    """Limiter: round trips a hit."""
    found = hitters(bench, QUOTA)
    for hit in found.values():
        assert hit(), "connected, and the script loaded"
    count = bench.scaled(1_000)
    return Line(
        "trips",
        {name: (lambda hit=hit: trips(hit, count)) for name, hit in found.items()},
        own={"ours": at_most(1.0)},
        rounds=1,
    )


def _limiter_rate(bench: Bench, quota: int) -> Line:
    found = hitters(bench, quota)
    count = bench.scaled(5_000)
    return Line(
        "hits/s",
        {name: (lambda hit=hit: rate(hit, count)) for name, hit in found.items()},
        {"limits, moving window": at_least(1.0), "INCR": at_least(0.5)},
    )


def limiter_admitted(bench: Bench) -> Line:
    """Limiter: hits a second of one hot subject, all admitted."""
    return _limiter_rate(bench, QUOTA)


def limiter_refused(bench: Bench) -> Line:
    """Limiter: hits a second of one hot subject, all but 100 refused."""
    return _limiter_rate(bench, 100)


# --- work queue


def worker(name: str, parallel: int, count: int) -> dict[str, float]:
    """What a worker of that queue reports, in its own process on the emptied server."""
    program = (
        "from benchmarks import _queues;"
        f"_queues.main({name!r}, {server.url()!r}, {parallel}, {count})"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE
    )
    lines = [line for line in said.stdout.splitlines() if line.startswith("{")]
    if not lines:
        raise RuntimeError((said.stderr.strip() or "it said nothing").splitlines()[-1])
    return json.loads(lines[-1])


def jobs_of(bench: Bench, name: str) -> int:
    """Fewer for those that are slow."""
    return bench.scaled(1_000 if name in ("rq", "saq", "streaq", "dramatiq") else 5_000)


def _queue_line(bench: Bench, figure: str, parallel: int) -> dict[str, Callable[[], float]]:
    return {
        name: lambda name=name: worker(name, parallel, jobs_of(bench, name))[figure]
        for name in _queues.RUNS
        if parallel == 1 or name != "rq"  # it has one job at a time
    }


def queue_trips(bench: Bench) -> Line:
    """Queue: round trips a job, one worker of parallel 1, busy."""
    goals = {name: at_most(1.0) for name in ("ours", "ours, threads")}
    sides = _queue_line(bench, "trips", 1)
    return Line("trips", sides, own=goals, rounds=1, warm_up=False)


def _queue_rate(bench: Bench, parallel: int) -> Line:
    sides = _queue_line(bench, "rate", parallel)
    peers = {name: at_least(1.0) for name in sides if "ours" not in name}
    return Line("jobs/s", sides, peers, rounds=3, warm_up=False)


def queue_rate_1(bench: Bench) -> Line:
    """Queue: jobs a second that do nothing, one worker of parallel 1."""
    return _queue_rate(bench, 1)


def queue_rate_16(bench: Bench) -> Line:
    """Queue: jobs a second that do nothing, one worker of parallel 16."""
    return _queue_rate(bench, 16)


# --- emitter


def heard(name: str, count: int, pause: float = 0.0, kill_every: int = 0) -> dict[str, float]:
    """What another process heard of that many events, its connections killed every so often."""
    url = server.url()
    program = (
        "from benchmarks import _events;"
        f"_events.main({name!r}, {url + '?client_name=listener'!r}, {count})"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # what a peer says of its lost connection
        text=True,
    ) as listener:
        assert listener.stdout
        if listener.stdout.readline() != "listening\n":
            raise RuntimeError("the listener did not start")
        asyncio.run(_emit(name, url, count, pause, kill_every, listener))
        said = listener.stdout.readline()
    if not said:
        raise RuntimeError("the listener ended without a report")
    return json.loads(said)


async def _emit(
    name: str, url: str, count: int, pause: float, kill_every: int, listener: subprocess.Popen[str]
) -> None:
    async with _events.EMIT[name](url) as emit:
        for number in range(count):
            if kill_every and number % kill_every == kill_every // 2:
                _disconnect("listener")
            await emit({"number": number, "at": time.monotonic_ns()})
            if pause:
                await asyncio.sleep(pause)
        ends = time.monotonic() + PATIENCE
        while listener.poll() is None and time.monotonic() < ends:
            await emit({"number": -1})
            await asyncio.sleep(0.1)


def _disconnect(name: str) -> None:
    """Kill the connections of that name, as a failing network would."""
    for line in server.running.ask("CLIENT", "LIST").splitlines():
        fields = dict(field.split("=", 1) for field in line.split() if "=" in field)
        if fields.get("name") == name:
            server.running.ask("CLIENT", "KILL", "ID", fields["id"])


def emitter_rate(bench: Bench) -> Line:
    """Emitter: events a second, one process to another."""
    count = bench.scaled(5_000)
    return Line(
        "events/s",
        {name: (lambda name=name: heard(name, count)["rate"]) for name in _events.EMIT},
        {"redis-py pub/sub": at_least(0.9)},
        rounds=5,
        warm_up=False,  # each time a new process
    )


def emitter_latency(bench: Bench) -> Line:
    """Emitter: median time from one process to another, an event every 2 ms."""
    count = bench.scaled(1_000)
    return Line(
        "ms",
        {name: (lambda name=name: heard(name, count, 0.002)["latency"]) for name in _events.EMIT},
        {"redis-py pub/sub": at_most(round(1 / 0.9, 2))},
        rounds=3,
        warm_up=False,
    )


def _loss(name: str) -> dict[str, float]:
    count = 1_000
    found = heard(name, count, 0.001, kill_every=100)
    return {"lost": count - found["received"], **found}


def emitter_lost(bench: Bench) -> Line:
    """Emitter: events lost of 1,000, the listener disconnected ten times."""
    return Line(
        "events",
        {name: (lambda name=name: _loss(name)["lost"]) for name in _events.EMIT},
        own={"ours, durable": at_most(0.0)},
        rounds=1,
        warm_up=False,
    )


def emitter_unreported(bench: Bench) -> Line:
    """Emitter: events lost of 1,000 and not announced, the listener disconnected ten times."""
    return Line(
        "events",
        {name: (lambda name=name: _loss(name)["unreported"]) for name in _events.EMIT},
        own={"ours": at_most(0.0), "ours, durable": at_most(0.0)},
        rounds=1,
        warm_up=False,
    )


LINES = [
    limiter_trips, limiter_admitted, limiter_refused, queue_trips, queue_rate_1, queue_rate_16,
    emitter_rate, emitter_latency, emitter_lost, emitter_unreported,
    repository_create_trips, repository_get_trips, repository_update_trips, repository_rate,
]  # fmt: skip


def facts(bench: Bench) -> Iterable[str]:
    """The server's version and the peers'."""
    yield f"server: {server.running.version}"
    yield "peers: " + versions(
        "redis", "hiredis", "limits", "throttled-py", "pyrate-limiter", "rq", "saq", "huey",
        "streaq", "dramatiq", "taskiq", "taskiq-redis", "broadcaster", "redis-om",
    )  # fmt: skip


if __name__ == "__main__":
    with RedisServer() as server.running, suppress(KeyboardInterrupt):
        main("Redis: patterns beside their peers", LINES, facts)
