"""Both type checkers find every mistake in `mistakes.py` and no error in `uses.py`."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = ("tests/typing/mistakes.py", "tests/typing/uses.py")
Lines = set[tuple[str, int]]  # the file and the line


def marked() -> Lines:
    """Return the lines that end with the mark of a mistake."""
    return {
        (file, number)
        for file in FILES
        for number, line in enumerate((ROOT / file).read_text("utf-8").splitlines(), 1)
        if line.endswith("# mistake")
    }


def run(*command: str) -> str:
    """Return what the checker prints, in the settings of the project."""
    done = subprocess.run(
        [sys.executable, "-m", *command, *FILES],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr  # errors were found, and nothing else
    return done.stdout


def found_by_mypy() -> Lines:
    """Return the lines of mypy's errors."""
    printed = run("mypy", "--strict", "--no-pretty", "--hide-error-context")
    found = re.findall(r"^(\S+?\.py):(\d+): error: ", printed, re.MULTILINE)
    return {(file.replace("\\", "/"), int(line)) for file, line in found}


def found_by_pyright() -> Lines:
    """Return the lines of pyright's errors."""
    printed = json.loads(run("basedpyright", "--outputjson", "--pythonpath", sys.executable))
    return {
        (
            Path(each["file"]).relative_to(ROOT).as_posix(),
            each["range"]["start"]["line"] + 1,
        )
        for each in printed["generalDiagnostics"]
        if each["severity"] == "error"
    }


@pytest.mark.timeout(600)  # a cold cache on a busy machine
@pytest.mark.parametrize("found", [found_by_mypy, found_by_pyright])
def test_every_mistake_is_found_and_nothing_else(found: Callable[[], Lines]) -> None:
    """The lines with an error are the marked ones."""
    lines, expected = found(), marked()
    assert len(expected) > 50
    assert sorted(expected - lines) == []
    assert sorted(lines - expected) == []
