"""How fast do events get from one process to another, and how many are lost on the way?"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time

from benchmarks._listeners import EMIT
from benchmarks._redis_server import PATIENCE, server
from benchmarks._runner import Bench, Line, at_least, at_most


def heard(name: str, count: int, pause: float = 0.0, kill_every: int = 0) -> dict[str, float]:
    """Emit `count` events and return the figures of a listener in another process.

    Its connections are killed once in every `kill_every` events; 0 leaves them alone.
    """
    url = server.url()
    program = (
        "from benchmarks import _listeners;"
        f"_listeners.main({name!r}, {url + '?client_name=listener'!r}, {count})"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # a peer logs its lost connection there
        text=True,
    ) as listener:
        assert listener.stdout
        if listener.stdout.readline() != "listening\n":
            raise RuntimeError(f"the listener of {name} did not start")
        asyncio.run(_emit(name, url, count, pause, kill_every, listener))
        said = listener.stdout.readline()
    if not said:
        raise RuntimeError(f"the listener of {name} ended without a report")
    return json.loads(said)


async def _emit(
    name: str, url: str, count: int, pause: float, kill_every: int, listener: subprocess.Popen[str]
) -> None:
    async with EMIT[name](url) as emit:
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
    """Kill the connections with this client name, as a failing network would."""
    for line in server.running.ask("CLIENT", "LIST").splitlines():
        fields = dict(field.split("=", 1) for field in line.split() if "=" in field)
        if fields.get("name") == name:
            server.running.ask("CLIENT", "KILL", "ID", fields["id"])


def emitter_rate(bench: Bench) -> Line:
    """Emitter: events a second, one process to another."""
    count = bench.scaled(5_000)
    return Line(
        "events/s",
        {name: (lambda name=name: heard(name, count)["rate"]) for name in EMIT},
        {"redis-py pub/sub": at_least(0.9)},
        rounds=5,
        warm_up=False,  # each time a new process
    )


def emitter_latency(bench: Bench) -> Line:
    """Emitter: median time from one process to another, an event every 2 ms."""
    count = bench.scaled(1_000)
    return Line(
        "ms",
        {name: (lambda name=name: heard(name, count, 0.002)["latency"]) for name in EMIT},
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
        {name: (lambda name=name: _loss(name)["lost"]) for name in EMIT},
        own={"ours, durable": at_most(0.0)},
        rounds=1,
        warm_up=False,
    )


def emitter_unreported(bench: Bench) -> Line:
    """Emitter: events lost of 1,000 and not announced, the listener disconnected ten times."""
    return Line(
        "events",
        {name: (lambda name=name: _loss(name)["unreported"]) for name in EMIT},
        own={"ours": at_most(0.0), "ours, durable": at_most(0.0)},
        rounds=1,
        warm_up=False,
    )
