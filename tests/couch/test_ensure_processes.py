"""Many processes that start at once and prepare the same database."""

from __future__ import annotations

import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from datapatterns.couch import Couch
from datapatterns.testing.servers.couch_at_hand import Couch as Server

PROGRAM = Path(__file__).parent / "programs" / "ensure.py"


@pytest.mark.couchdb3
@pytest.mark.timeout(600)
def test_twenty_processes_with_two_versions(couch_server: Server) -> None:
    """All of them succeed, and the database ends on one of the two versions."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    done = subprocess.run(
        [sys.executable, "-W", "error", str(PROGRAM), couch_server.url, name],
        capture_output=True, text=True, timeout=500,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with Couch(couch_server.url) as couch:
        database = couch.database(name)
        maps = [f"function (doc) {{ emit({version}, null); }}" for version in (0, 1)]
        assert database.get("_design/shared")["views"]["view"]["map"] in maps
        assert not database.view("shared", "view").items
        database.destroy()
