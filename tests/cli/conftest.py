"""The commands, run within this process; a few tests run the program itself."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from datapatterns.cli.commands import app


@dataclass(frozen=True)
class Ran:
    """The result of a command: exit code and output."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Return the JSON value that the command printed."""
        return json.loads(self.out)


Run = Callable[..., Ran]


@pytest.fixture
def run() -> Run:
    """Return a function that runs a command: `run("queue", "stats", url, "mail")`."""

    def run(*arguments: str) -> Ran:
        result = CliRunner().invoke(app, list(arguments))
        assert "Traceback" not in result.output
        return Ran(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture(params=["level", "redis"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """Return the URL of a store, and a namespace for one test."""
    if request.param == "level":
        return f"level:{tmp_path}/data", "spot"
    return request.getfixturevalue("redis_url"), f"cli-{uuid.uuid4().hex[:12]}"
