"""How fast is a hit of the rate limiter, and how many round trips does it take?"""

from __future__ import annotations

from collections.abc import Callable

from limits import RateLimitItemPerHour, strategies
from limits.storage import RedisStorage
from pyrate_limiter import Duration, Limiter, Rate, RedisBucket
from throttled import RedisStore, Throttled, per_hour

from benchmarks._redis_server import client, rate, server, trips
from benchmarks._runner import Bench, Line, at_least, at_most
from datapatterns.redis import RateLimiter

QUOTA = 1_000_000  # per hour: never reached


def hitters(bench: Bench, quota: int) -> dict[str, Callable[[], bool]]:
    """Return, by library, a function that hits one subject and tells whether it was admitted."""
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
        assert hit(), "the first hit connects and loads the script"
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
