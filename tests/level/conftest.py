"""Child processes for the tests that crash, kill or lock."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).parent / "programs"

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Return `start("program.py", *arguments)`, which starts a child; end it with the test."""
    children: list[subprocess.Popen[str]] = []

    def start(program: str, *arguments: object) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, str(PROGRAMS / program), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONFAULTHANDLER": "1"},
        )
        children.append(child)
        return child

    yield start
    for child in children:
        if child.poll() is None:
            child.kill()
        child.communicate()


@pytest.fixture
def run(start: Start) -> Callable[..., str]:
    """Return `run("program.py", *arguments)`, which runs a child and returns its output."""

    def run(program: str, *arguments: object) -> str:
        child = start(program, *arguments)
        out, err = child.communicate(timeout=100)
        assert child.returncode == 0, f"ended with {child.returncode}: {out[-1000:]} {err[-4000:]}"
        return out

    return run
