"""How many jobs does one worker of the queue get through, and at how many round trips each?"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

from benchmarks._queue_workers import RUNS
from benchmarks._redis_server import PATIENCE, server
from benchmarks._runner import Bench, Line, at_least, at_most


def worker(name: str, parallel: int, count: int) -> dict[str, float]:
    """Run a worker of the named queue in a process of its own, and return its figures."""
    program = (
        "from benchmarks import _queue_workers;"
        f"_queue_workers.main({name!r}, {server.url()!r}, {parallel}, {count})"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE
    )
    lines = [line for line in said.stdout.splitlines() if line.startswith("{")]
    if not lines:
        reason = said.stderr.strip() or f"the worker of {name} ended without a report"
        raise RuntimeError(reason.splitlines()[-1])
    return json.loads(lines[-1])


def jobs_of(bench: Bench, name: str) -> int:
    """Return how many jobs the named queue gets: fewer for the slow ones."""
    return bench.scaled(1_000 if name in ("rq", "saq", "streaq", "dramatiq") else 5_000)


def _queue_line(bench: Bench, figure: str, parallel: int) -> dict[str, Callable[[], float]]:
    return {
        name: lambda name=name: worker(name, parallel, jobs_of(bench, name))[figure]
        for name in RUNS
        if parallel == 1 or name != "rq"  # rq's worker has one job at a time
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
