"""`.gitattributes` marks what is generated, and nothing else."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GENERATED = "# Generated from "


def marked(files: list[str]) -> set[str]:
    """Return those of the files that Git shows as generated."""
    command = ["git", "check-attr", "-z", "--stdin", "linguist-generated"]
    answer = subprocess.run(
        command, cwd=ROOT, input="\0".join(files), capture_output=True, text=True, check=True
    ).stdout.split("\0")
    return {name for name, value in zip(answer[::3], answer[2::3], strict=False) if value == "set"}


@pytest.mark.skipif(
    shutil.which("git") is None or not (ROOT / ".git").exists(), reason="not a checkout of Git"
)
def test_generated_files_are_marked() -> None:
    """Every generated sync face is marked; a file that is written by hand is not."""
    files = {
        path.relative_to(ROOT).as_posix(): path.read_text("utf-8").startswith(GENERATED)
        for folder in ("datapatterns", "tests")
        for path in (ROOT / folder).rglob("*.py")
    }
    generated = {name for name, is_generated in files.items() if is_generated}
    wrong = marked(list(files)) ^ generated
    assert wrong == set(), "list those that are written by hand in .gitattributes, and no other"
