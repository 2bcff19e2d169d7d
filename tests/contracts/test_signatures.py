"""The store's factories have the options of the classes that they make, with the same defaults."""

from __future__ import annotations

import inspect
from typing import Any, get_args

import pytest

from datapatterns import AsyncStore, Store
from datapatterns.capabilities import BACKENDS, Pattern
from datapatterns.core.options import DEFAULT
from datapatterns.store.registry import MODULES, SCHEMES, load

PATTERNS: tuple[Pattern, ...] = get_args(Pattern)
FACES = {"sync": (Store, "Backend"), "async": (AsyncStore, "AsyncBackend")}
# What a backend gives itself: its client, and where the pattern's state is.
LOCATION = {"self", "client", "name", "collection", "namespace"}

each_face = pytest.mark.parametrize("face", FACES)
each_backend = pytest.mark.parametrize("backend", BACKENDS)
each_pattern = pytest.mark.parametrize("pattern", PATTERNS)


def options_of(function: Any) -> dict[str, Any]:
    """Return the options of a factory or a class with their defaults."""
    parameters = inspect.signature(function).parameters.values()
    return {each.name: each.default for each in parameters if each.name not in LOCATION}


@each_face
@each_backend
@each_pattern
def test_the_options(face: str, backend: str, pattern: Pattern) -> None:
    """No option is missing or extra, and options of all backends have the same default."""
    store, name = FACES[face]
    patterns = getattr(load(backend), name).patterns
    capabilities = BACKENDS[backend]
    assert (pattern in patterns) == capabilities.has(pattern)
    if pattern not in patterns:
        return
    offered, known = options_of(getattr(store, pattern)), options_of(patterns[pattern])
    own = {option for of, option in capabilities.options if of == pattern}
    common = {option: value for option, value in offered.items() if value is not DEFAULT}
    assert known.keys() == common.keys() | own
    assert {option: known[option] for option in common} == common


@each_face
def test_every_option_that_not_all_have(face: str) -> None:
    """A backend declares it, and no other default of a factory is `DEFAULT`."""
    store, _ = FACES[face]
    declared = {each for capabilities in BACKENDS.values() for each in capabilities.options}
    offered = {
        (pattern, option)
        for pattern in PATTERNS
        for option, value in options_of(getattr(store, pattern)).items()
        if value is DEFAULT
    }
    assert offered == declared


def test_the_registry_is_whole() -> None:
    """Every backend has a module and a scheme."""
    assert MODULES.keys() == BACKENDS.keys() == set(SCHEMES.values())
