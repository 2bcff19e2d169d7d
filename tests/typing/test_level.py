"""Levels, batches and hooks, as type checkers see them."""

from __future__ import annotations

from pathlib import Path
from typing import assert_type

from datapatterns.level import AsyncBatch, AsyncLevel, Batch, HookBatch, Level, Operation


def test_batches(tmp_path: Path) -> None:
    """A chain remains what it was: its `write` is awaited in the async face only."""
    with Level.open(tmp_path) as level:
        chain = assert_type(level.batch().put("a", 1).delete("b").clear(), Batch)
        chain.put("a", 1, sublevel=level.sublevel("trail")).write()


async def test_async_batches_and_hooks(tmp_path: Path) -> None:
    """So does one of the async face, whose hooks write to its sublevels too."""
    async with AsyncLevel.open(tmp_path) as level:
        trail = level.sublevel("trail")

        def audit(operation: Operation, batch: HookBatch) -> None:
            batch.put(operation.key, "seen", sublevel=trail).delete("none", sublevel=trail)
            assert batch.get(operation.key, sublevel=trail) == "seen"

        level.hooks.prewrite.add(audit)
        chain = assert_type(level.batch().put("a", 1), AsyncBatch)
        await chain.write()
        assert await trail.get("a") == "seen"
