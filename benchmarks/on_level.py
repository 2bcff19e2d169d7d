"""All questions about the embedded store: `scripts/bench level`.

The work is on 100,000 records of 100 bytes under keys of 16. Every side writes into a fresh
directory, without waiting for the disk, and reads from a directory that is loaded and compacted.
The driver and classic-level run with their own defaults; ours verifies checksums on every read.
"""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks import level_awaited, level_depth, level_documents, level_keys, level_ranges
from benchmarks._classic_level import Node
from benchmarks._level_data import DRIVER
from benchmarks._runner import Bench, main, versions

LINES = [
    level_keys.put_bytes, level_keys.get_bytes, level_keys.put_json, level_keys.get_json,
    level_ranges.iterate, level_ranges.iterate_utf8,
    level_awaited.async_put, level_awaited.async_get, level_awaited.async_batch,
    level_documents.create,
    level_depth.page_depth, level_depth.queue_consumed,
]  # fmt: skip


def facts(bench: Bench) -> Iterable[str]:
    """Return the versions of the peers."""
    yield f"peers: {versions(DRIVER)}, " + ", ".join(
        f"{name} {version}" for name, version in Node(bench).versions.items()
    )


if __name__ == "__main__":
    main("LevelDB: 100,000 records of 100 bytes", LINES, facts)
