"""Everything that a pattern or a backend needs: what is missing, and where to add it.

The name of a pattern in `capabilities.Pattern` begins its list; the test of that pattern then names
everything else that is not there yet. So does the name of a backend in `capabilities.BACKENDS`. The
tables below say where the parts are.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args

import pytest

from datapatterns import AsyncStore, Store, contracts
from datapatterns.capabilities import BACKENDS, Pattern
from datapatterns.core import records
from datapatterns.store.registry import MODULES, SCHEMES, load

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
OPTION_TESTS = "tests/contracts/_async/test_options.py"
STORE_TESTS = "tests/contracts/_async/test_store.py"
RECIPES, EXAMPLES = "docs/recipes", "examples"

# A contract is named as its pattern, but for these.
CONTRACT_NAMES = {"changes": "ChangesFeed"}
# The module of core that needs no I/O is named as its pattern, but for these.
PURE_NAMES = {"concurrency_limiter": "decisions", "repository": "documents"}
# What `migrate` leaves behind and lists in the words of this name in `core.records`.
LEFT_BEHIND = {
    "rate_limiter": "LIMITS",
    "concurrency_limiter": "LEASES",
    "emitter": "HISTORY",
    "changes": "LOGS",
}
# The folder of the tests that run the suite on a backend is named as it, but for this one.
SUITES = {"level": "contracts"}
# Backends that store nothing of the pattern, so that nothing can stay behind: the changes feed of
# CouchDB is the server's own.
NOT_STORED = {("level", "emitter"), ("couch", "changes")}


def text_of(path: str) -> str:
    """Return the text of a file of the tree, or "" if it is missing."""
    file = ROOT / path
    return file.read_text("utf-8") if file.exists() else ""


def transfer_code(backend: str) -> str:
    """Return the source of what carries the data of a backend to another one."""
    files = sorted((ROOT / "datapatterns" / backend).rglob("*.py"))
    return "".join(
        each.read_text("utf-8") for each in files if each.stem in {"transfer", "records"}
    )


def can_migrate(backend: str) -> bool:
    """Return whether `migrate` can read and write the backend's data."""
    return backend in MODULES and hasattr(load(backend).Backend, "transfer")


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
    module = f"datapatterns.core.{PURE_NAMES.get(pattern, pattern)}"
    if find_spec(module) is None:
        here = Path(__file__).name
        yield f"pure module: write {module}, or name another one in PURE_NAMES of {here}"


def missing_implementations(pattern: str) -> Iterator[str]:
    """Yield what lacks on each backend: its class, the contract above it, its export and page."""
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
            package = import_module(f"datapatterns.{backend}")
            if found.__name__ not in package.__all__:
                yield f"export: add {found.__name__} to {package.__name__} and to its __all__"
            page = BACKEND_PAGE.format(backend=backend)
            if face == "_sync" and found.__module__ not in text_of(page):
                yield f"reference: add `::: {found.__module__}` to {page}"


def missing_tests(pattern: str) -> Iterator[str]:
    """Yield what lacks of the conformance suite, in each face, and of the tests of all patterns."""
    for face in FACES:
        suite = import_module(SUITE.format(face=face))
        classes = [getattr(suite, name) for name in suite.__all__]
        if not any(getattr(each, "pattern", None) == pattern for each in classes):
            yield (
                f"conformance: write a class with `pattern = {pattern!r}` in {suite.__name__},"
                " and list it in the __init__.py there"
            )
    if f'\n    "{pattern}": {{' not in text_of(OPTION_TESTS):
        yield f"options: add the pattern, and wrong values, to WRONG in {OPTION_TESTS}"
    if f".{pattern}(" not in text_of(STORE_TESTS):
        yield f"closed store: add a call of the pattern to `_calls` in {STORE_TESTS}"


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
    for backend, capabilities in BACKENDS.items():
        known = left or f'"{pattern}"'
        stored = capabilities.has(pattern) and (backend, pattern) not in NOT_STORED
        if stored and can_migrate(backend) and known not in transfer_code(backend):
            yield f"migration: the transfer of {backend} does not know {known}"


def missing_pages(pattern: str) -> Iterator[str]:
    """Yield what lacks in the reference, in the tables of capabilities and in the recipes."""
    if f"\n### {pattern}\n" not in text_of(STORE_PAGE):
        yield f"reference: add a section `### {pattern}` with the options to {STORE_PAGE}"
    module = f"datapatterns.contracts._sync.{pattern}"
    page = f"docs/reference/{pattern.replace('_', '-')}.md"
    if f"::: {module}\n" not in text_of(page):
        yield f"reference: write {page} with `::: {module}`"
    for file in ("mkdocs.yml", "docs/reference/contracts.md", "docs/reference/index.md"):
        if Path(page).name not in text_of(file):
            yield f"reference: add {Path(page).name} to {file}"
    words = rf"\b{pattern.replace('_', '[ _]?')}s?\b"
    if not re.search(words, text_of("CHANGELOG.md"), re.IGNORECASE):
        yield "changelog: add a line to CHANGELOG.md"
    for table in TABLES:
        if f"\n| {pattern.replace('_', ' ')} |" not in text_of(table):
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


def missing_of_backend(backend: str) -> Iterator[str]:
    """Yield what lacks of a backend beside its patterns."""
    extras = tomllib.loads(text_of("pyproject.toml"))["project"]["optional-dependencies"]
    if backend not in extras:
        yield "extra: add one of this name to pyproject.toml, and to its `all`"
    if f'containers = ["datapatterns.{backend}"]' not in text_of("pyproject.toml"):
        yield "layers: add those within the package to [tool.importlinter] in pyproject.toml"
    page = BACKEND_PAGE.format(backend=backend)
    if not text_of(page):
        yield f"reference: write {page}"
    if Path(page).name not in text_of("mkdocs.yml"):
        yield f"reference: add {Path(page).name} to mkdocs.yml"
    for scheme in (scheme for scheme, of in SCHEMES.items() if of == backend):
        if f"`{scheme}:" not in text_of(STORE_PAGE):
            yield f"reference: add the URLs of {scheme}: to the table in {STORE_PAGE}"
    for face in FACES:
        suite = f"tests/{SUITES.get(backend, backend)}/{face}/test_conformance.py"
        if not text_of(suite):
            yield f"conformance: write {suite}, and a fixture `target` beside it"
    for tests in (OPTION_TESTS, STORE_TESTS) if can_migrate(backend) else ():
        if f'"{backend}"' not in text_of(tests):
            yield f"tests: add a URL of the backend to the fixture of {tests}"


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_backend_has_everything(backend: str) -> None:
    """Each part of the backend is there; the message names those that are missing."""
    missing = [f"{backend}: {each}" for each in missing_of_backend(backend)]
    assert missing == [], "\n".join(["add what is missing:", *missing])


def test_a_backend_that_lacks_all_is_told_so() -> None:
    """The list of a backend that nothing was written for has every part but its URLs."""
    parts = {each.partition(":")[0] for each in missing_of_backend("nosuch")}
    assert parts == {"extra", "layers", "reference", "conformance"}


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
    "reference: write docs/reference/groups.md": lambda patch: patch.setitem(
        globals(), "ROOT", ROOT / "docs"
    ),
    "export: add Groups to datapatterns.redis": lambda patch: patch.setattr(
        import_module("datapatterns.redis"), "__all__", []
    ),
    "options: add the pattern": lambda patch: patch.setitem(globals(), "OPTION_TESTS", "README.md"),
    "closed store: add a call": lambda patch: patch.setitem(globals(), "STORE_TESTS", "README.md"),
    "migration: the transfer of level does not know": lambda patch: patch.setitem(
        globals(), "transfer_code", lambda backend: ""
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
