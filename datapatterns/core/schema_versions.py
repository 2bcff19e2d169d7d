"""Versions of a model: the number that is stored with a document, and the steps between them.

A document without a stored number is of version 1. So is every model that sets no
`schema_version`; its documents are stored without a number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from pydantic import BaseModel

from datapatterns.core.checks import INT32_MAX, check_count
from datapatterns.errors import DecodeFailed, InvalidArgument

SCHEMA_VERSION = "$schema_version"  # the stored name of the number

Upgrade = Callable[[dict[str, Any]], Mapping[str, Any]]
U = TypeVar("U", bound=Upgrade)

_UPGRADES: WeakKeyDictionary[type[BaseModel], dict[int, Upgrade]] = WeakKeyDictionary()


def upgrades(model: type[BaseModel], version: int) -> Callable[[U], U]:
    """Register a function from the stored fields of this version to those of the next version.

    The function is called with a dict of the stored fields, which it may change, and returns the
    fields of the next version. It is called while a document is read, so it must be quick and must
    not depend on anything else. Models that inherit from this one inherit its upgrades. Raise
    InvalidArgument if the version has an upgrade already, or is not below the model's
    `schema_version`.
    """
    latest = schema_version(model)
    check_count("version", version, most=INT32_MAX)
    if version >= latest:
        raise InvalidArgument(
            f"{model.__name__} has schema_version {latest}: upgrades are from versions below it"
        )
    known = _UPGRADES.setdefault(model, {})

    def register(function: U) -> U:
        if version in known:
            raise InvalidArgument(f"{model.__name__} has an upgrade from version {version} already")
        known[version] = function
        return function

    return register


def schema_version(model: type[BaseModel]) -> int:
    """Return the model's version; raise InvalidArgument unless it is a whole number from 1 on."""
    version = getattr(model, "schema_version", 1)
    return check_count(f"schema_version of {model.__name__}", version, most=INT32_MAX)


def _upgrades_of(model: type[BaseModel]) -> Mapping[int, Upgrade]:
    """Return the functions by version: the model's own, else those of its base classes."""
    found: dict[int, Upgrade] = {}
    for kind in reversed(model.__mro__):
        found |= _UPGRADES.get(kind, {})
    return found


def check_upgrades(model: type[BaseModel]) -> None:
    """Raise InvalidArgument if documents of the version before the model's cannot be upgraded."""
    latest, known = schema_version(model), _upgrades_of(model)
    for version in range(min(known, default=latest - 1), latest):
        if version and version not in known:
            raise InvalidArgument(
                f"{model.__name__} has schema_version {latest} but no upgrade from version"
                f" {version}: register one with @upgrades({model.__name__}, {version})"
            )


def upgraded(model: type[BaseModel], id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stored fields as the model's own version has them, without the version.

    Raise DecodeFailed for fields of a version that this program cannot upgrade.
    """
    found = {name: value for name, value in fields.items() if name != SCHEMA_VERSION}
    latest = schema_version(model)
    first = _version_of(model, id, fields, latest)
    if first < latest:
        found = deepcopy(found)  # upgrades may change what they are given
    for version in range(first, latest):
        found = _next(model, id, version, found)
    return found


def check_version(model: type[BaseModel], id: str, fields: Mapping[str, Any]) -> None:
    """Raise DecodeFailed for stored fields of a version above the model's."""
    if SCHEMA_VERSION in fields:
        _version_of(model, id, fields, schema_version(model))


def _version_of(model: type[BaseModel], id: str, fields: Mapping[str, Any], latest: int) -> int:
    version = fields.get(SCHEMA_VERSION, 1)
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        message = f"the stored document {id!r} has a schema version that is no whole number"
        raise DecodeFailed(message, data={"id": id})
    if version > latest:
        message = (
            f"the stored document {id!r} was written by a newer program: it has schema version"
            f" {version}, and {model.__name__} has {latest}"
        )
        raise DecodeFailed(message, data={"id": id})
    return version


def _next(model: type[BaseModel], id: str, version: int, fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of the next version."""
    upgrade = _upgrades_of(model).get(version)
    about = f"the stored document {id!r} of schema version {version}"
    if upgrade is None:
        message = f"{about} cannot be read: {model.__name__} has no upgrade from that version"
        raise DecodeFailed(message, data={"id": id})
    try:
        return dict(upgrade(fields))
    except Exception as error:
        message = f"{about} cannot be upgraded: the upgrade raised {type(error).__name__}"
        raise DecodeFailed(message, data={"id": id}) from error
