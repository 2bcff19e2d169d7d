"""The rate limiter's script decides exactly as `datapatterns/core/rate_limiter.py` does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from redis import Redis

import datapatterns.redis
from datapatterns.core.rate_limiter import Policy, decide, make_policy
from datapatterns.redis.wire.script_files import read_scripts
from datapatterns.testing.servers.redis import RedisServer

CLOCK = "local now = clock[1] * 1000000 + clock[2]"
EXPIRY = "redis.call('PEXPIRE', key, math.ceil(micros / 1000) + 1)"
SCRIPT = read_scripts(Path(datapatterns.redis.__file__).parent / "lua")[
    "rate_limiter/decide"
].decode()
EPOCH = 1_700_000_000_000_000


def policies() -> st.SearchStrategy[Policy]:
    """Return limits of every algorithm, that divide evenly and that do not."""
    limit = st.integers(1, 30)
    window = st.sampled_from([0.001, 0.0333, 1.0, 7.0, 3600.0])
    sliding = st.builds(
        make_policy, st.just("s"), limit, window, subwindows=st.sampled_from([1, 2, 3, 10, 60])
    )
    fixed = st.builds(make_policy, st.just("f"), limit, window, st.just("fixed"))
    gcra = limit.flatmap(
        lambda n: st.builds(
            make_policy, st.just("g"), st.just(n), window, st.just("gcra"), burst=st.integers(1, n)
        )
    )
    return st.one_of(sliding, fixed, gcra)


# How much of a window passes before each hit; at times the clock is set back.
passing = st.one_of(
    st.sampled_from([0.0, 0.1, 0.5, 0.999999, 1.0, 1.1, 2.0, -0.3, -1.5]),
    st.floats(-0.2, 3.0, allow_nan=False),
)


def run(server: RedisServer, limits: list[Policy], now: int, cost: int, mode: str) -> list[int]:
    """Return the script's reply at a given time."""
    assert CLOCK in SCRIPT
    assert EXPIRY in SCRIPT
    # The script's clock is made up, the server's is not: nothing must expire by that one.
    text = SCRIPT.replace(CLOCK, f"local now = {now}").replace(EXPIRY, "")
    args: list[Any] = [cost, mode]
    for policy in limits:
        args += [policy.algorithm, policy.limit, policy.step, policy.room]
    keys = [f"limit-{number}" for number in range(len(limits))]
    with Redis(port=server.port) as client:
        reply: Any = client.eval(text, len(keys), *keys, *args)
    return list(reply)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(policies(), min_size=1, max_size=3),
    st.lists(st.tuples(passing, st.integers(1, 30), st.booleans()), min_size=1, max_size=25),
)
def test_lua_and_python_agree(
    redis_server: RedisServer, limits: list[Policy], hits: list[tuple[float, int, bool]]
) -> None:
    """For random policies, times and costs, both give the same figures."""
    redis_server.ask("FLUSHALL")
    states: list[dict[str, int]] = [{} for _ in limits]
    now = EPOCH
    for share, wanted, peek in hits:
        now += round(share * limits[0].window)
        cost = min(wanted, *(policy.most for policy in limits))
        outcomes = [decide(p, state, now, cost) for p, state in zip(limits, states, strict=True)]
        reply = run(redis_server, limits, now, cost, "peek" if peek else "hit")
        expected = [
            figure
            for o in outcomes
            for figure in (int(o.allowed), o.remaining, o.retry_after, o.reset_after)
        ]
        assert reply == expected
        if not peek and all(outcome.allowed for outcome in outcomes):
            states = [outcome.state for outcome in outcomes]
