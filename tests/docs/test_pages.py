"""The documentation is whole: every recipe, every public name, every page."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
DOCS, EXAMPLES = ROOT / "docs", ROOT / "examples"
RECIPES = sorted((DOCS / "recipes").glob("*.md"))
SECTION = re.compile(r"^## (\d+)\. (.+?) \{ #\S+ \}\n(.*?)(?=^## |\Z)", re.DOTALL | re.MULTILINE)
INCLUDED = re.compile(r'--8<-- "(examples/[^":]+)')
PARTS = ("It prints:", "**What can go wrong.**", "**When not to use it.**")
ALL_RECIPES = 75

# Packages that users do not import from, and why.
INTERNAL = {
    "cli": "commands, which describe themselves with --help",
    "core": "what the others are made of; the reference shows it to authors of backends",
    "demo": "an application",
    "patterns": "bases for backends, and workers, which the package itself exports",
}


def script() -> ModuleType:
    """Load scripts/pages.py, which belongs to no package."""
    spec = importlib.util.spec_from_file_location("pages", ROOT / "scripts" / "pages.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["pages"] = module  # dataclasses look their own module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pages() -> Iterator[ModuleType]:
    """Yield the script that writes the generated pages."""
    yield script()
    del sys.modules["pages"]


def recipes() -> Iterator[tuple[int, str, str]]:
    """Yield the number, title and text of every recipe."""
    for page in RECIPES:
        for number, title, text in SECTION.findall(page.read_text("utf-8")):
            yield int(number), title, text


def documented() -> set[str]:
    """Return the modules that the reference shows."""
    texts = [page.read_text("utf-8") for page in (DOCS / "reference").glob("*.md")]
    return {module for text in texts for module in re.findall(r"^::: (\S+)$", text, re.MULTILINE)}


def test_every_recipe_is_there() -> None:
    """Every recipe has one section, in order."""
    assert sorted(number for number, _, _ in recipes()) == list(range(1, ALL_RECIPES + 1))


def test_every_recipe_has_its_parts() -> None:
    """Every recipe has a problem, a program, its output, and the two paragraphs at its end."""
    for number, _, text in recipes():
        assert all(part in text for part in PARTS), number
        assert INCLUDED.search(text), number
        assert not text.lstrip().startswith(("`", "=")), f"{number} begins with its problem"


def test_the_index_lists_every_recipe() -> None:
    """The index lists every recipe by its number and title."""
    index = (DOCS / "recipes" / "index.md").read_text("utf-8")
    missing = [number for number, title, _ in recipes() if f"{number}. [{title}](" not in index]
    assert missing == []


def test_every_example_is_on_a_page_once() -> None:
    """Every program and every output is included on one page, once."""
    shown = [path for page in RECIPES for path in INCLUDED.findall(page.read_text("utf-8"))]
    files = [
        path.relative_to(ROOT).as_posix()
        for kind in ("*.py", "*.txt", "*.lua")
        for path in EXAMPLES.rglob(kind)
        if not path.name.startswith("needs_") and "__pycache__" not in path.parts
    ]
    outputs = [path for path in shown if path.endswith(".txt")]
    assert sorted(set(shown)) == sorted(files)
    assert sorted(shown) == sorted(files), "something is shown twice"
    assert len(outputs) >= ALL_RECIPES


def test_what_is_made_from_the_code_is_up_to_date(pages: ModuleType) -> None:
    """The generated pages are up to date; if not, run `scripts/pages.py`."""
    stale = [path.name for path, text in pages.pages().items() if path.read_text("utf-8") != text]
    assert stale == []


def test_every_public_name_is_in_the_reference(pages: ModuleType) -> None:
    """Every public name has a docstring, and a page of the reference shows its module."""
    shown = documented()
    for module in pages.public_modules():
        for name in pages.public_names(module):
            if name.module:
                assert name.documented.rpartition(".")[0] in shown, f"{module}.{name.name}"
                assert name.what, f"{module}.{name.name} has no docstring"


def test_every_module_is_public_or_says_why_not(pages: ModuleType) -> None:
    """A package has `__all__` or a reason here; a module at the top is documented."""
    package = ROOT / "datapatterns"
    modules = {path.stem for path in package.glob("[a-z]*.py")}
    modules |= {path.parent.name for path in package.glob("[a-z]*/__init__.py")}
    public = {name.split(".")[1] for name in pages.public_modules() if "." in name}
    shown = {name for name in documented() if name.count(".") == 1}
    assert modules - public - INTERNAL.keys() - {name.split(".")[1] for name in shown} == set()


def test_examples_import_only_what_is_public(pages: ModuleType) -> None:
    """Nobody learns from an example or a page to import an internal module."""
    public = set(pages.public_modules())
    pages_and_examples = [*DOCS.rglob("*.md"), ROOT / "README.md", *EXAMPLES.rglob("*.py")]
    imported = {
        (module, path.name)
        for path in pages_and_examples
        for module in re.findall(
            r"^ *from (datapatterns[\w.]*) import", path.read_text("utf-8"), re.MULTILINE
        )
    }
    assert {
        each for each in imported if each[0] not in public and ".testing." not in each[0]
    } == set()


def test_every_page_is_in_the_navigation(pages: ModuleType) -> None:
    """The navigation lists every page, and nothing else."""
    listed = {page for page, _ in pages.listed_pages()}
    assert listed == {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}


def test_every_picture_is_used() -> None:
    """Every picture is on a page and has a description."""
    texts = "".join(page.read_text("utf-8") for page in DOCS.rglob("*.md"))
    for picture in (DOCS / "images").glob("*.svg"):
        assert f"images/{picture.name})" in texts, picture.name
        assert "<desc" in picture.read_text("utf-8"), picture.name
