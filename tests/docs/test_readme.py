"""The examples and the table of the README are right."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

from datapatterns.capabilities import BACKENDS, Pattern

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def matrix() -> str:
    """Return the table of capabilities as the README should have it."""
    backends = list(BACKENDS.values())
    lines = ["| pattern | " + " | ".join(backend.backend for backend in backends) + " |"]
    lines.append("|---" * (len(backends) + 1) + "|")
    for pattern in get_args(Pattern):
        cells = ["yes" if backend.has(pattern) else "no" for backend in backends]
        lines.append(f"| {pattern.replace('_', ' ')} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def test_each_python_block_runs(tmp_path: Path) -> None:
    """Each example runs and prints what it promises."""
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert blocks
    for block in blocks:
        run = subprocess.run(
            [sys.executable, "-W", "error", "-c", block],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert run.returncode == 0, run.stderr
        assert "ada@example.org" in run.stdout


def test_the_first_example_has_ten_lines() -> None:
    """The first example has at most ten lines."""
    first = re.findall(r"```python\n(.*?)```", README, re.DOTALL)[0]
    assert len([line for line in first.splitlines() if line.strip()]) <= 10


def test_the_matrix_is_that_of_the_capabilities() -> None:
    """The README's table agrees with the capabilities, which the conformance suite proves."""
    table = README.split("<!-- capabilities: begin -->\n")[1].split("\n<!-- capabilities: end")[0]
    assert table == matrix()
