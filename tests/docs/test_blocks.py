"""Every Python block of the documentation runs, page by page, in the order it is read."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType

import pytest

from datapatterns.testing.plugin import in_ci_or_skip
from datapatterns.testing.servers.redis import RedisServer

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```python[^\n]*\n(.*?)^```", re.DOTALL | re.MULTILINE)
INDENTED = re.compile(r"^[ \t]+```python[^\n]*\n(.*?)^[ \t]+```", re.DOTALL | re.MULTILINE)
ELSEWHERE = {"tutorial.md"}  # test_tutorial.py types it in


def blocks(page: Path) -> list[str]:
    """Return the page's own code; tests/examples runs the programs that it includes."""
    return [block for block in BLOCK.findall(page.read_text("utf-8")) if "--8<--" not in block]


PAGES = {
    path.relative_to(DOCS).as_posix(): path
    for path in sorted(DOCS.rglob("*.md"))
    if path.name not in ELSEWHERE and blocks(path)
}


@pytest.fixture(scope="module")
def redis_of_the_docs() -> Iterator[RedisServer]:
    """Start the server that replaces the one at the usual port."""
    with in_ci_or_skip("Redis"):
        server = RedisServer().start()
    yield server
    server.close()


@pytest.fixture
def page_module() -> Iterator[ModuleType]:
    """Yield a module for the code, so that pickling, typing and `inspect` find its names."""
    module = ModuleType("page")
    sys.modules["page"] = module
    yield module
    del sys.modules["page"]


@pytest.mark.parametrize("name", PAGES)
def test_the_blocks_of_a_page_run(
    name: str,
    redis_of_the_docs: RedisServer,
    page_module: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The blocks of a page run one after the other without an error."""
    monkeypatch.chdir(tmp_path)
    for number, block in enumerate(blocks(PAGES[name]), 1):
        here = block.replace("redis://127.0.0.1:6379", redis_of_the_docs.url)
        code = compile(here, f"{name}, block {number}", "exec")
        with redirect_stdout(io.StringIO()):
            exec(code, page_module.__dict__)


def test_code_in_tabs_is_included() -> None:
    """A block in a tab is included from a program that is run, since it is not run here."""
    for page in DOCS.rglob("*.md"):
        for block in INDENTED.findall(page.read_text("utf-8")):
            assert block.strip().startswith('--8<-- "examples/'), page
