"""Twenty processes prepare one database at once: `ensure.py URL DATABASE`.

They are forked from a process that has loaded the library, so that they really start together.
"""

from __future__ import annotations

import multiprocessing
import sys
from typing import Any

from datapatterns.couch import Couch, DesignDocument, View

PROCESSES = 20
PATIENCE = 120  # seconds


def ensure(url: str, database: str, version: int, start: Any) -> None:
    """Ensure that version of the design document when all processes are ready."""
    map = f"function (doc) {{ emit({version}, null); }}"
    design = DesignDocument("shared", {"view": View(map, "_count")})
    with Couch(url) as couch:
        start.wait(PATIENCE)
        couch.ensure([database], {database: [design]})


def main(url: str, database: str) -> int:
    """Return how many of the processes failed."""
    fork = multiprocessing.get_context("fork")
    start = fork.Barrier(PROCESSES)
    processes = [
        fork.Process(target=ensure, args=(url, database, number % 2, start))
        for number in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(PATIENCE)
    return sum(process.exitcode != 0 for process in processes)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
