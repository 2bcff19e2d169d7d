"""How every backend's kit makes a pattern: its options are looked at first."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from typing import Any

from datapatterns.errors import InvalidArgument


def build(
    backend: str,
    pattern: str,
    kind: Any,
    *arguments: Any,
    options: Mapping[str, Any],
    **own: Any,
) -> Any:
    """The pattern, of that class; InvalidArgument names an option that it does not have.

    `own` are options that are the kit's to give, not its caller's.
    """
    known = [name for name in _options(kind) if name not in own]
    for name in options:
        if name not in known:
            message = f"{pattern} has no option {name!r} on {backend}; it has {_listed(known)}"
            raise InvalidArgument(message)
    try:
        return kind(*arguments, **options, **own)
    except TypeError as error:
        raise InvalidArgument(f"an option of this {pattern} is of a wrong type") from error


@cache
def _options(kind: Any) -> tuple[str, ...]:
    found = inspect.signature(kind).parameters.values()
    return tuple(it.name for it in found if it.kind is it.KEYWORD_ONLY)


def _listed(names: list[str]) -> str:
    return ", ".join(names) or "none"
