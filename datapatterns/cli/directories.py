"""`datapatterns check DIR` and `datapatterns recover DIR`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from datapatterns.cli.common import FOUND, Json, command, console, is_level, level_path, show_json
from datapatterns.errors import NotFound

if TYPE_CHECKING:
    from datapatterns.level import Report

Directory = Annotated[str, typer.Argument(help="A LevelDB directory.", show_default=False)]


@command
def check(directory: Directory, as_json: Json = False) -> None:
    """Look for damage in a LevelDB directory.

    The command reads the whole directory, verifies all checksums, and checks that documents, index
    entries and change logs agree. It changes nothing. Exits with 1 if it finds a problem. A
    directory that another process has open is refused.

    Example: datapatterns check ./data
    """
    path = _existing(directory)
    _tell(path, _checked(path), as_json)


@command
def recover(directory: Directory, as_json: Json = False) -> None:
    """Save the readable data of a damaged LevelDB directory.

    The command first copies the directory, and keeps the copy beside it. It does not change a
    directory that can be read to its end. Repositories fill their indexes again when they are next
    used. Exits with 1 if a problem is left.

    Example: datapatterns recover ./data
    """
    from datapatterns.level.repair.recovery import recover as recover_directory

    path = _existing(directory)
    before = set(_copies(path))
    recover_directory(path)
    made = sorted(set(_copies(path)) - before)
    _tell(path, _checked(path), as_json, copy=str(made[0]) if made else None)


def _existing(directory: str) -> Path:
    path = level_path(directory)
    if not is_level(path):
        raise NotFound("there is no LevelDB directory at this path; check the path")
    return path


def _checked(path: Path) -> Report:
    from datapatterns.level import Level

    with Level.open(path, create=False) as level:
        return level.check()


def _copies(path: Path) -> list[Path]:
    real = path.resolve()
    return list(real.parent.glob(f"{real.name}.damaged-*"))


def _tell(path: Path, report: Report, as_json: bool, **more: str | None) -> None:
    if as_json:
        show_json({"ok": report.ok, "problems": report.problems, **more})
    else:
        if (copy := more.get("copy")) is not None:
            console.print(f"the directory was damaged; a copy of it is in {copy}", markup=False)
        for problem in report.problems:
            console.print(problem, markup=False)
        console.print(f"{path}: {'sound' if report.ok else 'damaged'}", markup=False)
    if not report.ok:
        raise typer.Exit(FOUND)
