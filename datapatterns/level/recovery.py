"""Checking a directory, and saving what can be saved of a damaged one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from datapatterns.level.driver import Database


@dataclass(frozen=True, slots=True)
class Report:
    ok: bool
    problems: list[str] = field(default_factory=list[str])


def check(database: Database) -> Report:
    return Report(True)


def recover(path: Path) -> None: ...
