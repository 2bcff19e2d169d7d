"""Every implementation names its contract, and implements all of it itself.

A class that inherits from a Protocol also inherits the empty body of a method that it forgets: the
call would return None. mypy finds that where such a class is made; these tests find it everywhere.
"""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any, get_args

import pytest
from typing_extensions import get_protocol_members, is_protocol, override

import datapatterns
from datapatterns import contracts
from datapatterns.capabilities import BACKENDS, Pattern
from datapatterns.contracts import _async as async_contracts
from datapatterns.contracts import _sync as sync_contracts

NAMES = {"changes": "ChangesFeed"}  # patterns whose contract is named differently


def import_all() -> None:
    """Import every module that may hold an implementation."""
    for part in ("patterns", *BACKENDS):
        package = import_module(f"{datapatterns.__name__}.{part}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            import_module(module.name)


def protocols(module: ModuleType) -> list[type]:
    """Return the contracts of one face."""
    return [each for each in vars(module).values() if is_protocol(each)]


def implementations(contract: type) -> Iterator[type]:
    """Return the library's classes that inherit from the contract, without shared bases."""
    for child in contract.__subclasses__():
        yield from implementations(child)
        ours = child.__module__.startswith(f"{datapatterns.__name__}.")
        base = is_protocol(child) or child.__name__.removeprefix("Async").startswith("Base")
        if ours and not base:
            yield child


def definition(implementation: type, member: str) -> tuple[type, Any]:
    """Return the class that defines the member, and its definition."""
    return next(
        (kind, vars(kind)[member]) for kind in implementation.__mro__ if member in vars(kind)
    )


def forgotten(contract: type, implementation: type) -> list[str]:
    """Return the members of the contract that only a Protocol defines."""
    members = sorted(get_protocol_members(contract))
    return [name for name in members if is_protocol(definition(implementation, name)[0])]


def function_of(member: Any) -> Any:
    """Return the function behind a member; for a property, its getter."""
    if isinstance(member, property):
        return member.fget
    return member.__func__ if isinstance(member, classmethod | staticmethod) else member


import_all()
CONTRACTS = protocols(async_contracts) + protocols(sync_contracts)
PAIRS = [
    pytest.param(
        contract, each, id=f"{each.__module__.removeprefix('datapatterns.')}-{each.__name__}"
    )
    for contract in CONTRACTS
    for each in dict.fromkeys(implementations(contract))
]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("pattern", get_args(Pattern))
def test_a_backend_has_each_pattern_as_its_contract(backend: str, pattern: Pattern) -> None:
    """In both faces a class of the backend inherits from the contract of the pattern."""
    if not BACKENDS[backend].has(pattern):
        pytest.skip("a pattern that the backend does not have")
    name = NAMES.get(pattern, pattern.title().replace("_", ""))
    for contract in (getattr(contracts, name), getattr(contracts, f"Async{name}")):
        homes = [each.__module__ for each in implementations(contract)]
        assert [home for home in homes if home.startswith(f"datapatterns.{backend}.")]


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.__name__)
def test_a_contract_is_implemented(contract: type) -> None:
    """Every contract has an implementation in this library that names it."""
    assert list(implementations(contract))


@pytest.mark.parametrize(("contract", "implementation"), PAIRS)
def test_no_member_is_left_to_the_contract(contract: type, implementation: type) -> None:
    """Every member of the contract is defined in a class that is no Protocol."""
    assert forgotten(contract, implementation) == []


@pytest.mark.parametrize(("contract", "implementation"), PAIRS)
def test_members_are_marked_and_documented(contract: type, implementation: type) -> None:
    """Each one is marked as an override and has a docstring, its own or the contract's."""
    for name in sorted(get_protocol_members(contract)):
        _, member = definition(implementation, name)
        assert getattr(function_of(member), "__override__", False), name
        if not name.startswith("_"):
            assert inspect.getdoc(getattr(implementation, name)), name


def test_a_forgotten_member_is_found() -> None:
    """These tests see what a class lacks, although calling it raises nothing."""

    class Forgetful(contracts.Counter):
        @override
        def value(self) -> int:
            return 1

    assert forgotten(contracts.Counter, Forgetful) == ["decrement", "increment", "reset"]
