"""Two releases of a program, with two versions of a model, change one collection at once."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from datapatterns import Store
from datapatterns.testing.waiting import PATIENCE

PROGRAM = Path(__file__).parent / "rolling_programs.py"
_SPEC = spec_from_file_location("rolling_programs", PROGRAM)
assert _SPEC is not None
assert _SPEC.loader is not None
programs: Any = module_from_spec(_SPEC)
sys.modules["rolling_programs"] = programs  # pydantic looks for the module of a model
_SPEC.loader.exec_module(programs)


def started(url: str, namespace: str, which: str, seed: int) -> subprocess.Popen[str]:
    """Start a program of that release."""
    command = [sys.executable, str(PROGRAM), url, namespace, which, str(seed)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def told(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Return what the program printed in the end."""
    out, _ = process.communicate(timeout=4 * PATIENCE)
    assert process.returncode == 0
    return json.loads(out)


@pytest.mark.parametrize("backend", ["redis", "couch"])
def test_two_releases_at_once_lose_nothing(
    backend: str, request: pytest.FixtureRequest, figures: Callable[..., None]
) -> None:
    """Each document has the last mark of each program; no newer version is overwritten."""
    if backend == "couch":
        url = f"couch+{request.getfixturevalue('couch_server').url}"
    else:
        url = request.getfixturevalue("redis_url")
    namespace = f"rolling-{uuid.uuid4()}"
    with Store.from_url(url, namespace=namespace) as store:
        first = store.repository("users", programs.Old)
        for number in range(programs.DOCUMENTS):
            first.create(programs.Old(id=f"{number:03}", name=f"Ada K{number}"))
    seed = uuid.uuid4().int % 1_000_000
    releases = [started(url, namespace, which, seed + n) for n, which in enumerate(("old", "new"))]
    old, new = map(told, releases)
    with Store.from_url(url, namespace=namespace) as store:
        users = store.repository("users", programs.New, indexes=[programs.BY_MARK])
        users.rewrite()
        found = {user.id: (user.last, user.old_mark, user.new_mark) for user in users.iterate()}
        assert found == {
            id: (f"K{int(id)}", old["marks"].get(id, 0), new["marks"].get(id, 0))
            for id in (f"{number:03}" for number in range(programs.DOCUMENTS))
        }
        assert users.count("by_mark") == programs.DOCUMENTS
        assert users.check() == []
    marks = sum(len(one["marks"]) for one in (old, new))
    figures(f"two releases on {backend}", marks=marks, refused=old["refused"], lost=0)
