"""SIGKILL at random moments of a migration: run again it goes on, and nothing is lost."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "programs" / "kill_migrations.py"
PAIRS = [
    ("level", "redis"),
    ("redis", "level"),
    ("level", "level"),
    ("redis", "redis"),
    ("level", "couch"),
    ("couch", "redis"),
    ("redis", "couch"),
    ("couch", "level"),
    ("couch", "couch"),
]


def url_of(kind: str, path: Path, request: pytest.FixtureRequest) -> str:
    """Return the URL of a store of that kind; `{}` stands for a fresh name."""
    if kind == "level":
        return f"level:{path}/{{}}"
    if kind == "couch":
        return f"couch+{request.getfixturevalue('couch_server').url}"
    return str(request.getfixturevalue("redis_url"))


def campaign(
    one: str, other: str, kills: int, path: Path, request: pytest.FixtureRequest
) -> dict[str, int]:
    """Run the campaign; its seed is in the failure's output."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    urls = [url_of(kind, path, request) for kind in (one, other)]
    done = subprocess.run(
        [sys.executable, "-W", "error", PROGRAM, *urls, str(kills), str(seed)],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    figures: dict[str, int] = json.loads(done.stdout)
    return figures


def test_killed_a_few_times(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """A few kills, quick enough for every run."""
    assert campaign("level", "redis", 5, tmp_path, request)["kills"] >= 5


@pytest.mark.slow
@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_killed_many_times(
    one: str,
    other: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    figures: Callable[..., None],
) -> None:
    """Some kills; every migration that ends has all there is, by count and by digest."""
    kills = 8 if "couch" in (one, other) else 25
    found = campaign(one, other, kills, tmp_path, request)
    assert found["kills"] >= kills
    figures(f"migrate, SIGKILL: {one} to {other}", **found)
