"""Lists in the documentation that are written by hand agree with the code; methods have text."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast, get_args

import pytest

from datapatterns import AsyncChangesWorker, AsyncStore, AsyncWorker, contracts
from datapatterns.capabilities import Pattern
from datapatterns.contracts import _async as async_contracts
from datapatterns.contracts import _sync as sync_contracts
from datapatterns.core.backoff import Backoff
from datapatterns.errors import InvalidArgument
from datapatterns.level import AsyncLevel
from datapatterns.level.backend import parse_url as parse_level_url
from datapatterns.redis.wire.urls import parse_url
from datapatterns.store.registry import MODULES, load

DOCS = Path(__file__).parents[2] / "docs"
REFERENCE = DOCS / "reference"
CHOOSING = (DOCS / "guides" / "choosing.md").read_text("utf-8")
STORE = (REFERENCE / "store.md").read_text("utf-8")
CLASSES: dict[str, Any] = {backend: load(backend).Backend.patterns for backend in MODULES}
ROW = re.compile(r"^\| `(\w+)` \| .+? \| (\S.*?) \| (\S.*?) \| .+ \|$", re.MULTILINE)
NOT_OPTIONS = {"client", "name", "collection", "model", "namespace"}
EMPTY = inspect.Parameter.empty
Function = ast.FunctionDef | ast.AsyncFunctionDef
Documented = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def listed(pattern: Pattern) -> dict[str, dict[str, Any]]:
    """Return the options and defaults of the pattern on each backend, as the page lists them."""
    section = STORE.split(f"\n### {pattern}\n")[1].split("\n### ")[0]
    found: dict[str, dict[str, Any]] = {name: {} for name in CLASSES if pattern in CLASSES[name]}
    for option, default, backends in ROW.findall(section):
        value = EMPTY if default == "required" else in_python(default.strip("`"), {})
        for backend in found if backends == "all" else backends.split(", "):
            found[backend][option] = value
    return found


def in_python(text: str, names: dict[str, Any]) -> Any:
    """Return the value of an expression of our own, such as `Backoff(0.5, 60)`."""
    return eval(text, {"Backoff": Backoff, **names})  # noqa: S307 - from our own files


def options(kind: type[Any]) -> dict[str, Any]:
    """Return the options and defaults of the class."""
    parameters = inspect.signature(kind).parameters.values()
    return {each.name: each.default for each in parameters if each.name not in NOT_OPTIONS}


@pytest.mark.parametrize("pattern", get_args(Pattern))
def test_the_page_lists_the_options_of_every_backend(pattern: Pattern) -> None:
    """The page lists all options of each backend, no others, and the right defaults."""
    known = {name: options(of[pattern]) for name, of in CLASSES.items() if pattern in of}
    assert listed(pattern) == known


def test_the_page_lists_the_options_of_urls() -> None:
    """The page lists the options of URLs that this library itself checks."""
    for url in ("redis+cluster://h?x=1", "redis+sentinel://h/service?x=1"):
        with pytest.raises(InvalidArgument) as refused:
            parse_url(url)
        known = str(refused.value).split(" are ")[1].split(", not ")[0]
        names = set(re.findall(r"\w+", known)) - {"and"}
        rows = STORE.split("| `redis+cluster://`")[1].split("| `redis+sentinel://`")[0]
        assert set(re.findall(r"\| `(\w+)` \|", rows)) == names
    for word in ("always", "never"):
        assert f"`sync={word}`" in STORE
        parse_level_url(f"level:x?sync={word}")


# --- signatures


def shown_constants() -> Iterator[tuple[str, str, str, Any]]:
    """Yield each default that the reference shows as a name: place, texts, argument, value."""
    for page in sorted(REFERENCE.glob("*.md")):
        text = page.read_text("utf-8")
        for name in re.findall(r"^::: (\S+)$", text, re.MULTILINE):
            module = importlib.import_module(name)
            tree = ast.parse(inspect.getsource(module))
            nodes = [node for node in ast.walk(tree) if isinstance(node, Documented)]
            texts = "\n".join([text, *(ast.get_docstring(node) or "" for node in nodes)])
            classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
            public = [node.body for node in classes if not node.name.startswith("_")]
            for body in (tree.body, *public):
                for node in body:
                    if isinstance(node, Function):
                        for argument, value in named_defaults(node, vars(module)):
                            yield f"{name}.{node.name}", texts, argument, value


def named_defaults(node: Function, names: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the arguments whose defaults are not literals, with their values."""
    arguments = node.args
    places = arguments.posonlyargs + arguments.args
    pairs = [
        *zip(places[len(places) - len(arguments.defaults) :], arguments.defaults, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    for argument, default in pairs:
        named = isinstance(default, ast.Name | ast.Call) and not argument.arg.startswith("_")
        if named and ast.unparse(default) != "DEFAULT":  # the table has each backend's own
            yield argument.arg, in_python(ast.unparse(default), names)


def spelled(value: Any) -> str:
    """Return a regular expression for the value as a text writes it."""
    if isinstance(value, Backoff):
        return re.escape(f"Backoff({value.base:g}, {value.cap:g})")
    if isinstance(value, tuple):
        return ".{1,9}".join(re.escape(name) for name in cast("tuple[str, ...]", value))
    return re.escape(f"{value:g}" if isinstance(value, float) else str(value))


def test_a_constant_in_a_signature_is_told() -> None:
    """The text beside a signature such as `lease: float = LEASE` has the value."""
    untold = [
        f"{place}: {argument} is {value}"
        for place, texts, argument, value in shown_constants()
        if not re.search(rf"`{argument}\b.{{0,60}}?{spelled(value)}", texts, re.DOTALL)
    ]
    assert untold == []


# --- docstrings


def shown_modules() -> Iterator[Any]:
    """Yield every module that a page of the reference shows."""
    for page in sorted(REFERENCE.glob("*.md")):
        for name in re.findall(r"^::: (\S+)$", page.read_text("utf-8"), re.MULTILINE):
            yield importlib.import_module(name)


def public_methods(kind: type) -> Iterator[str]:
    """Yield the public methods and properties of a class, those of our base classes included."""
    for base in kind.__mro__:
        if base.__module__.startswith("datapatterns"):
            for name, member in vars(base).items():
                known = inspect.isroutine(member) or isinstance(
                    member, property | classmethod | staticmethod
                )
                if known and not name.startswith("_"):
                    yield name


def test_every_method_in_the_reference_has_text() -> None:
    """Every method has a docstring, its own or the one of its contract."""
    silent = {
        f"{kind.__module__}.{kind.__name__}.{name}"
        for module in shown_modules()
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if kind.__module__ == module.__name__ and not kind.__name__.startswith("_")
        for name in public_methods(kind)
        if not inspect.getdoc(getattr(kind, name))
    }
    assert silent == set()


def test_the_reference_inherits_docstrings() -> None:
    """mkdocs.yml enables inherited docstrings and members, as `help()` shows them."""
    settings = (DOCS.parent / "mkdocs.yml").read_text("utf-8")
    assert "- griffe_inherited_docstrings" in settings
    assert "inherited_members: true" in settings


# --- the types for annotations, and what is not awaited


def protocols(face: Any) -> dict[str, Any]:
    """The contracts of a face by name."""
    return {name: getattr(face, name) for name in face.__all__}


def test_every_contract_can_be_imported() -> None:
    """Every contract can be imported from `datapatterns.contracts`."""
    assert {*protocols(async_contracts), *protocols(sync_contracts)} == set(contracts.__all__)


def plain_methods(kind: Any) -> set[str]:
    """Return the methods of an async class that are not awaited."""
    return {
        name
        for name in dir(kind)
        if not name.startswith("_")
        and inspect.isroutine(method := getattr(kind, name))
        and not inspect.iscoroutinefunction(method)
    }


def test_the_table_of_what_is_not_awaited_is_whole() -> None:
    """The table lists every plain method of the async contracts, the store and the workers."""
    section = CHOOSING.split("\n## Sync and async\n")[1].split("\n## ")[0]
    told = {
        (kind, method)
        for kinds, methods in re.findall(r"^\| (`Async.+?) \| (.+?) \|", section, re.MULTILINE)
        for kind in re.findall(r"`(\w+)`", kinds)
        for method in re.findall(r"`(\w+)`", methods)
    }
    kinds = {**protocols(async_contracts), "AsyncStore": AsyncStore, "AsyncWorker": AsyncWorker}
    kinds |= {"AsyncChangesWorker": AsyncChangesWorker, "AsyncLevel": AsyncLevel}
    del kinds["AsyncTransfer"]  # for backends
    del kinds["AsyncWorkerFeed"]  # an AsyncChangesFeed with two properties more
    plain = {(name, method) for name, kind in kinds.items() for method in plain_methods(kind)}
    assert plain - {("AsyncLevel", "beside")} == told
