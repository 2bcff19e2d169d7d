"""How fast does a changes feed read, and how much memory does a slow consumer cost?"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from functools import partial

from benchmarks._couch_server import filled, server
from benchmarks._runner import Bench, Line, at_least, at_most
from datapatterns.couch import Database


def reader(who: str, database: Database, count: int) -> dict[str, float]:
    """Run a reader in a process of its own, and return its figures."""
    command = [sys.executable, "-m", "benchmarks._feed_readers", who, server.running.url]
    command += [database.name, str(count)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def feed_rate(bench: Bench) -> Line:
    """Feed: changes a second with their documents, of 20,000."""
    count = bench.scaled(20_000)
    database = filled(bench, count)

    def process(who: str) -> float:
        said = reader(who, database, count)
        assert said["found"] == count
        return count / said["seconds"]

    def curl() -> float:
        url = f"{server.running.url}/{database.name}/_changes?include_docs=true"
        began = time.perf_counter()
        command = [shutil.which("curl") or "curl", "-sS", url]
        found = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.count(b'"seq"')
        took = time.perf_counter() - began
        assert found == count
        return count / took

    return Line(
        "changes/s",
        {
            "ours": partial(process, "ours"),
            "curl": curl,
            "ibmcloudant": partial(process, "cloudant"),
        },
        {"curl": at_least(0.9), "ibmcloudant": at_least(1.0)},
        rounds=3,
    )


def feed_memory(bench: Bench) -> Line:
    """Feed: memory above idle while a slow consumer follows 100,000 changes."""
    count = bench.scaled(100_000)
    database = filled(bench, count)
    return Line(
        "MB",
        {"ours": lambda: float(reader("slow", database, count)["found"])},
        own={"ours": at_most(50.0)},
        rounds=1,
        warm_up=False,
    )
