"""SIGKILL in the middle of `rewrite`: nothing is lost, and the next call finishes it."""

from __future__ import annotations

import random
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from datapatterns import Store
from datapatterns.testing.waiting import PATIENCE

PROGRAM = Path(__file__).parent / "rewrite_programs.py"
_SPEC = spec_from_file_location("rewrite_programs", PROGRAM)
assert _SPEC is not None
assert _SPEC.loader is not None
programs: Any = module_from_spec(_SPEC)
sys.modules["rewrite_programs"] = programs  # pydantic looks for the module of a model
_SPEC.loader.exec_module(programs)

USERS, KILLS = 2_000, 6


def killed(url: str, namespace: str) -> int:
    """Start the program, kill it after its first step or later, and return what it told last."""
    command = [sys.executable, str(PROGRAM), url, namespace]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    told = [process.stdout.readline().strip()]
    time.sleep(random.random() * 0.05)
    process.kill()
    told += [line.strip() for line in process.stdout.read().split("\n")[:-1]]
    process.stdout.close()
    process.wait(PATIENCE)
    return int(told[-1].split()[-1] or 0)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["level", "redis"])
def test_a_killed_rewrite_loses_nothing(
    backend: str, request: pytest.FixtureRequest, tmp_path: Path, figures: Callable[..., None]
) -> None:
    """Every document is there once, as it was given, and the index has all that are rewritten."""
    level = backend == "level"
    url = f"level:{tmp_path / 'data'}" if level else request.getfixturevalue("redis_url")
    namespace = f"rewrite-{uuid.uuid4()}"
    with Store.from_url(url, namespace=namespace) as store:
        old = store.repository("users", programs.First)
        old.create_many(
            programs.First(id=f"{n:04}", name=f"Ada King{n % 7}", visits=n) for n in range(USERS)
        )
    told = [killed(url, namespace) for _ in range(KILLS)]
    with Store.from_url(url, namespace=namespace) as store:
        users = store.repository("users", programs.Second, indexes=[programs.BY_LAST])
        assert [(one.first, one.last, one.visits) for one in users.iterate()] == [
            ("Ada", f"King{n % 7}", n) for n in range(USERS)
        ]
        before = sum("$schema_version" in users.get_raw(f"{n:04}") for n in range(USERS))
        assert users.count("by_last") == before
        assert users.rewrite() == USERS - before
        assert users.rewrite() == 0
        assert users.count("by_last") == users.count() == USERS
        assert users.check() == []
    figures(f"rewrite on {backend}", kills=KILLS, documents=USERS, lost=0, left=USERS - before,
            told=max(told))  # fmt: skip
