"""The peer on Node: classic-level, in a process of its own."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from benchmarks._level_data import micro
from benchmarks._runner import Bench


class Node:
    """The process of the peer, which answers one request after the other."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._process = bench.stack.enter_context(
            subprocess.Popen(
                ["node", Path(__file__).with_name("classic_level.mjs")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        self.versions = self._answer()

    def ask(self, work: str, path: str, count: int, *, keep: bool = False) -> float:
        """Have the peer do the work, and return microseconds for one record."""
        assert self._process.stdin
        request = {"work": work, "path": path, "records": count, "keep": keep}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return micro(self._answer()["seconds"], count)

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, "the process on Node ended"
        return json.loads(line)
