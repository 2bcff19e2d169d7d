"""Everything that a pattern needs, in one list: what is missing, and where to add it.

The name of a pattern in `capabilities.Pattern` begins the list; the test of that pattern then names
everything else that is not there yet. The tables below say where the parts are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import pytest

from datapatterns import AsyncStore, Store, contracts
from datapatterns.capabilities import BACKENDS, Pattern
from datapatterns.core import records

ROOT = Path(__file__).parents[1]

# Where the parts are: modules and files of the tree.
FACES = ("_async", "_sync")
CONTRACTS = "datapatterns.contracts.{face}"
EXPORTS = "datapatterns.contracts"
BACKEND = "datapatterns.{backend}.backend"  # with the classes Backend and AsyncBackend
SUITE = "datapatterns.testing.conformance.{face}"
STORE_PAGE = "docs/reference/store.md"
BACKEND_PAGE = "docs/reference/{backend}.md"
TABLES = ("README.md", "docs/index.md")
RECIPES, EXAMPLES = "docs/recipes", "examples"

# A contract is named as its pattern, but for these.
CONTRACT_NAMES = {"changes": "ChangesFeed"}
# The modules of what needs no I/O.
PURE = {
    "counter": "datapatterns.core.counter",
    "calendar_counter": "datapatterns.core.calendar_counter",
    "rate_limiter": "datapatterns.core.rate_limiter",
    "concurrency_limiter": "datapatterns.core.decisions",
    "work_queue": "datapatterns.core.work_queue",
    "emitter": "datapatterns.core.emitter",
    "groups": "datapatterns.core.groups",
    "leaderboard": "datapatterns.core.leaderboard",
    "repository": "datapatterns.core.documents",
    "changes": "datapatterns.core.changes",
}
# What `migrate` leaves behind and lists in the words of this name in `transfers`.
LEFT_BEHIND = {
    "rate_limiter": "LIMITS",
    "concurrency_limiter": "LEASES",
    "emitter": "HISTORY",
    "changes": "LOGS",
}


def contract_name(pattern: str, face: str) -> str:
    """Return `AsyncWorkQueue` for `work_queue` in the async face."""
    plain = CONTRACT_NAMES.get(pattern, "".join(map(str.capitalize, pattern.split("_"))))
    return f"Async{plain}" if face == "_async" else plain


def missing_contracts(pattern: str) -> Iterator[str]:
    """Yield what lacks of the contract, of its export and of the store's factory."""
    for face in FACES:
        name, module = contract_name(pattern, face), CONTRACTS.format(face=face)
        if not hasattr(import_module(module), name):
            yield f"contract: write the Protocol {name} in {module}"
        if name not in contracts.__all__:
            yield f"export: add {name} to {EXPORTS} and to its __all__"
    for store in (AsyncStore, Store):
        if not hasattr(store, pattern):
            yield f"factory: write {store.__name__}.{pattern} in {store.__module__}"


def missing_pure_module(pattern: str) -> Iterator[str]:
    """Yield what lacks of the module that needs no I/O."""
    if pattern not in PURE:
        yield f"pure module: write one, and name it in PURE of {Path(__file__).name}"
        return
    try:
        import_module(PURE[pattern])
    except ModuleNotFoundError:
        yield f"pure module: {PURE[pattern]} is gone; name another in PURE"


def missing_implementations(pattern: str) -> Iterator[str]:
    """Yield what lacks on each backend: its class, the contract above it, its reference page."""
    able = [name for name, capabilities in BACKENDS.items() if capabilities.has(pattern)]
    if not able:
        yield "capability: add the pattern to the capabilities of a backend that has it"
    for backend in BACKENDS:
        module = import_module(BACKEND.format(backend=backend))
        for face, kind in zip(FACES, (module.AsyncBackend, module.Backend), strict=True):
            table = f"{kind.__name__}.patterns in {kind.__module__}"
            found: Any = kind.patterns.get(pattern)
            if backend not in able:
                if found is not None:
                    yield f"capability: {table} has {pattern}; declare it for {backend}"
                continue
            if found is None:
                yield f"implementation: add {pattern} to {table}"
                continue
            name = contract_name(pattern, face)
            if name not in {base.__name__ for base in found.__mro__[1:]}:
                yield f"implementation: let {found.__module__}.{found.__name__} inherit {name}"
            page = BACKEND_PAGE.format(backend=backend)
            if face == "_sync" and found.__module__ not in (ROOT / page).read_text("utf-8"):
                yield f"reference: add `::: {found.__module__}` to {page}"


def missing_tests(pattern: str) -> Iterator[str]:
    """Yield the faces in which the conformance suite has no class of the pattern."""
    for face in FACES:
        suite = import_module(SUITE.format(face=face))
        classes = [getattr(suite, name) for name in suite.__all__]
        if not any(getattr(each, "pattern", None) == pattern for each in classes):
            yield (
                f"conformance: write a class with `pattern = {pattern!r}` in {suite.__name__},"
                " and list it in the __init__.py there"
            )


def missing_migration(pattern: str) -> Iterator[str]:
    """Yield what lacks of the rule for `migrate`."""
    left = LEFT_BEHIND.get(pattern)
    if pattern not in records.KINDS and left is None:
        yield (
            "migration: add the pattern to Kind in datapatterns.core.records and to every backend's"
            f" transfer, or say in LEFT_BEHIND of {Path(__file__).name} that it stays behind"
        )
    if left is not None and not hasattr(records, left):
        yield f"migration: datapatterns.core.records has no {left}, which names what stays behind"


def missing_pages(pattern: str) -> Iterator[str]:
    """Yield what lacks in the reference, in the tables of capabilities and in the recipes."""
    if f"\n### {pattern}\n" not in (ROOT / STORE_PAGE).read_text("utf-8"):
        yield f"reference: add a section `### {pattern}` with the options to {STORE_PAGE}"
    for table in TABLES:
        if f"\n| {pattern.replace('_', ' ')} |" not in (ROOT / table).read_text("utf-8"):
            yield f"table of capabilities: run scripts/capabilities, which writes {table}"
    recipes = "".join(page.read_text("utf-8") for page in (ROOT / RECIPES).glob("*.md"))
    calls = re.compile(rf"\.{pattern}\(")
    if not any(
        path.relative_to(ROOT).as_posix() in recipes
        for path in (ROOT / EXAMPLES).glob("*/*.py")
        if calls.search(path.read_text("utf-8"))
    ):
        yield f"recipe: add a program with `.{pattern}(` to {EXAMPLES}/, shown in {RECIPES}/"


CHECKS = (
    missing_contracts,
    missing_pure_module,
    missing_implementations,
    missing_tests,
    missing_migration,
    missing_pages,
)


@pytest.mark.parametrize("pattern", get_args(Pattern))
def test_a_pattern_has_everything(pattern: str) -> None:
    """Each part of the pattern is there; the message names those that are missing."""
    missing = [f"{pattern}: {each}" for check in CHECKS for each in check(pattern)]
    assert missing == [], "\n".join(["add what is missing:", *missing])


OMISSIONS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "contract: write the Protocol AsyncGroups": lambda patch: patch.delattr(
        import_module(CONTRACTS.format(face="_async")), "AsyncGroups"
    ),
    "export: add AsyncGroups": lambda patch: patch.setattr(
        contracts, "__all__", [name for name in contracts.__all__ if name != "AsyncGroups"]
    ),
    "implementation: add groups to AsyncBackend.patterns in datapatterns.level": lambda patch: (
        patch.setattr(import_module(BACKEND.format(backend="level")).AsyncBackend, "patterns", {})
    ),
    "conformance: write a class": lambda patch: patch.setattr(
        import_module(SUITE.format(face="_async")), "__all__", ["TestCounter"]
    ),
    "migration: add the pattern to Kind": lambda patch: patch.setattr(
        records, "KINDS", ("counter",)
    ),
    "reference: add a section": lambda patch: patch.setitem(globals(), "STORE_PAGE", "README.md"),
    "reference: add `::: datapatterns.redis": lambda patch: patch.setitem(
        globals(), "BACKEND_PAGE", "README.md"
    ),
    "recipe: add a program": lambda patch: patch.setitem(globals(), "EXAMPLES", "scripts"),
}


@pytest.mark.parametrize("told", OMISSIONS)
def test_an_omission_is_named(told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one of its parts the list of a pattern says which, and where to add it."""
    OMISSIONS[told](monkeypatch)
    missing = [each for check in CHECKS for each in check("groups")]
    assert [each for each in missing if each.startswith(told)]


@pytest.mark.parametrize("face", FACES)
def test_every_class_of_the_suite_is_listed(face: str) -> None:
    """A class of tests that is not in the list of the suite runs on no backend."""
    suite = import_module(SUITE.format(face=face))
    folder = Path(suite.__path__[0])
    found = {
        name
        for path in folder.glob("*.py")
        for name in re.findall(r"^class (Test\w+)", path.read_text("utf-8"), re.MULTILINE)
    }
    assert found == set(suite.__all__), f"list the classes in {folder / '__init__.py'}"
