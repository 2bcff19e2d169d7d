"""Everything public has a docstring."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import datapatterns

ROOT = Path(datapatterns.__file__).parent
MODULES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py"))
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def public(node: ast.Module | ast.ClassDef, name: str) -> Iterator[tuple[str, Documented]]:
    """Yield the module or class and every public class and function in it, with their names."""
    yield name, node
    for child in node.body:
        if not isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if child.name.startswith("_") or is_stub(child) or inherits(child):
            continue
        path = f"{name}.{child.name}" if name else child.name
        if isinstance(child, ast.ClassDef):
            yield from public(child, path)
        else:
            yield path, child


def inherits(node: ast.AST) -> bool:
    """Return whether it needs no docstring: a setter, an overload, an override."""
    decorators = getattr(node, "decorator_list", [])
    return any(ast.unparse(d).endswith((".setter", "overload", "override")) for d in decorators)


def is_stub(node: Documented) -> bool:
    """Return whether it has no body: a member of a Protocol, a method of the driver."""
    return ast.unparse(node.body[0]) == "..."


@pytest.mark.parametrize("module", MODULES)
def test_everything_public_has_a_docstring(module: str) -> None:
    """Modules, classes, functions and methods have one unless they inherit it."""
    tree = ast.parse((ROOT / module).read_text("utf-8"))
    bare = [name or "the module" for name, node in public(tree, "") if not ast.get_docstring(node)]
    assert bare == []
