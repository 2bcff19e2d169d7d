"""One reader, several processes: each document has its own, and a killed one loses nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from datapatterns import InvalidArgument
from datapatterns.core.shards import shard_of
from datapatterns.patterns.processes import Processes
from datapatterns.testing.waiting import eventually

PROGRAM = Path(__file__).with_name("processes_program.py")
COUNT = 300


@pytest.fixture(params=["level", pytest.param("couch", marks=pytest.mark.couchdb3)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of the store with the documents."""
    if request.param == "level":
        return f"level:{tmp_path / 'data'}"
    return f"couch+{request.getfixturevalue('couch_server').url}"


def start(url: str, account: Path, count: int) -> subprocess.Popen[bytes]:
    """Start the program, whose processes write what they did into the file."""
    command = [sys.executable, PROGRAM, url, f"t{uuid.uuid4().hex}", str(count)]
    env = {**os.environ, "ACCOUNT": str(account)}
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE)


def test_a_killed_process_loses_nothing(url: str, tmp_path: Path) -> None:
    """All is handled, each document by one process until that is killed, and one is buried."""
    account = tmp_path / "account"
    program = start(url, account, COUNT)
    output, _ = program.communicate(timeout=100)
    assert program.returncode == 0
    first, said = map(json.loads, output.splitlines())
    lines = [json.loads(line) for line in account.read_text().splitlines()]
    assert {id for id, _ in lines} == {f"n{number}" for number in range(COUNT)} - {"n7"}
    assert said["dead"] == ["n7"]
    # One was killed, and another took its place; every other one kept its share.
    assert len({pid for _, pid in lines}) == 4
    for share, pid_at_first in enumerate(first):
        pids = {pid for id, pid in lines if shard_of(id, 3) == share}
        assert pid_at_first in pids
        assert len(pids) == (2 if share == 0 else 1)


def test_they_end_with_their_parent(tmp_path: Path) -> None:
    """A parent killed with SIGKILL leaves no process behind."""
    program = start(f"level:{tmp_path / 'data'}", tmp_path / "account", 100_000)
    assert program.stdout is not None
    try:
        # The first line comes when the documents are made; the processes run long before.
        eventually(lambda: len(children_of(program.pid)) >= 3, "three processes")
        children = children_of(program.pid)
    finally:
        program.kill()
        program.wait()
        program.stdout.close()
    eventually(lambda: not any(map(runs, children)), "the processes to end")


def children_of(pid: int) -> list[int]:
    """Return the processes that the program started."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def runs(pid: int) -> bool:
    """Return whether the process runs and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_bad_arguments() -> None:
    """No process, or nothing to call, is refused."""
    with pytest.raises(InvalidArgument):
        Processes(print, 0)
    with pytest.raises(InvalidArgument):
        Processes(None, 1)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - as untyped callers may
