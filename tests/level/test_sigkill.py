"""SIGKILL at random moments: what was acknowledged is stored, and no batch is torn.

Also: every index entry has its document and every document its entries, the change log tells what
the documents are, and a worker's checkpoint is not above the log's head.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

WORKLOADS = {
    "raw": "batches across sublevels with a hook, from threads",
    "lane": "batches in the lane, from tasks",
    "repository": "a repository with two indexes, its change log and a worker",
}


def campaign(kind: str, kills: int, path: Path, run: Callable[..., str]) -> dict[str, int]:
    """Run the campaign; its seed is in the failure's output."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    figures: dict[str, int] = json.loads(run("kill_campaign.py", kind, path, kills, seed))
    return figures


@pytest.mark.parametrize("kind", WORKLOADS)
def test_killed_a_few_times(kind: str, tmp_path: Path, run: Callable[..., str]) -> None:
    """A few kills, quick enough for every run."""
    found = campaign(kind, 6, tmp_path / "d", run)
    assert found["kills"] == 6
    assert found["acknowledged"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", WORKLOADS)
def test_killed_many_times(
    kind: str, tmp_path: Path, run: Callable[..., str], figures: Callable[..., None]
) -> None:
    """A hundred kills on one directory."""
    found = campaign(kind, 100, tmp_path / "d", run)
    assert found["kills"] == 100
    figures(f"LevelDB, SIGKILL: {WORKLOADS[kind]}", **found)
