"""The tour keeps its promises, and reports a broken one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from datapatterns.demo.tour import Tour
from datapatterns.level import Counter


def tour(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "datapatterns", "tour", *arguments],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


class Nowhere:
    """An output that shows nothing."""

    def step(self, title: str) -> None:
        """Show nothing."""

    def say(self, line: str) -> None:
        """Show nothing."""

    def progress(self, done: int, total: int) -> None:
        """Show nothing."""


def test_every_step_goes_as_promised(tmp_path: Path) -> None:
    """Every step keeps its promises on the sample of 5,000 records."""
    run = tour(str(tmp_path / "data"), "--json")
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout)
    assert report["ok"]
    assert report["broken"] == []
    assert len(report["steps"]) == 10
    killed = next(figures for title, figures in report["steps"].items() if "Kill" in title)
    assert killed["acknowledged"] > 0
    assert killed["missing"] == 0


def test_a_directory_with_something_in_it_is_refused(tmp_path: Path) -> None:
    """The tour refuses a directory that is not empty."""
    (tmp_path / "file").write_text("mine")
    run = tour(str(tmp_path))
    assert run.returncode == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


def test_a_broken_promise_ends_the_tour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A counter that loses a count breaks a promise, and the report is not ok."""
    monkeypatch.setattr(Counter, "value", lambda self: 0)
    report = Tour(tmp_path / "data", None, Nowhere()).run()
    assert not report.ok
    assert len(report.broken) == 1
