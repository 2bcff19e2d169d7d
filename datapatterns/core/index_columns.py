"""Where the value of an indexed field is found in a stored document, as a reader of it would."""

from __future__ import annotations

from collections.abc import Mapping
from types import UnionType
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from datapatterns.core.documents import Document
from datapatterns.core.model_fields import (
    MISSING,
    StoredField,
    by_stored_name,
    nested_model,
    stored_field,
    unordered,
)
from datapatterns.errors import InvalidArgument

Column = tuple[StoredField, ...]  # a step for each part of a path such as `address.city`

_INSTEAD = {
    "datetime": "UtcDatetime, whose texts sort by time",
    "Decimal": "an int of the smallest unit, such as cents",
    "timedelta": "a number of seconds",
}
_LISTS = (list, tuple, set, frozenset)


def column(field: str) -> Column:
    """Return the steps to a field of which no model is known."""
    return tuple(StoredField(part, ((part,),)) for part in field.split("."))


def column_of(model: type[Document], index: str, field: str, *, each: bool) -> Column:
    """Return the steps to a field of the model, at each step with its aliases and default.

    Raise InvalidArgument for a field that the model does not have, one whose stored form has no
    order, and one that is no list if the index has an entry for each element.
    """
    steps: list[StoredField] = []
    inner: type[BaseModel] | None = model
    parts = field.split(".")
    for number, part in enumerate(parts):
        if inner is None:
            steps += column(".".join(parts[number:]))
            break
        name = by_stored_name(inner).get(part)
        if name is None or (inner is model and name in ("id", "rev")):
            _check_unknown(inner, index, field, part, nested=bool(number))
            steps += column(".".join(parts[number:]))
            break
        steps.append(stored_field(inner, name))
        if number == len(parts) - 1:
            _check_type(inner, index, field, name, each=each)
        inner = nested_model(inner.model_fields[name].annotation)
    return tuple(steps)


def _check_unknown(
    model: type[BaseModel], index: str, field: str, part: str, *, nested: bool
) -> None:
    """Raise InvalidArgument if documents of the model never store this name."""
    serializers = model.__pydantic_decorators__.model_serializers
    if serializers or model.model_config.get("extra") == "allow":
        return
    computed = {} if nested else model.model_computed_fields  # nested ones are not stored
    names = {name if info.alias is None else info.alias for name, info in computed.items()}
    if part in names:
        return
    names |= by_stored_name(model).keys() - (set() if nested else {"id", "rev"})
    raise InvalidArgument(
        f"{model.__name__} has no field {field if not nested else part} for the index {index!r};"
        f" its stored fields are {', '.join(sorted(names)) or 'none'}"
    )


def _check_type(model: type[BaseModel], index: str, field: str, name: str, *, each: bool) -> None:
    """Raise InvalidArgument for a type that has no order in JSON, or is no list for `Each`."""
    kind = unordered(model, name)
    if kind is not None:
        raise InvalidArgument(
            f"the index {index!r} cannot order {field}, since the JSON text of a {kind} does not"
            f" sort by value: declare it as {_INSTEAD[kind]}"
        )
    if each and not _may_be_list(model.model_fields[name].annotation):
        raise InvalidArgument(f"the index {index!r} has Each({field!r}), which is not a list")


def _may_be_list(annotation: Any) -> bool:
    """Return whether values of the type can be written as a JSON array."""
    if annotation is Any:
        return True
    origin = get_origin(annotation) or annotation
    if isinstance(origin, type) and get_origin(annotation) is None:
        return origin is object or issubclass(origin, _LISTS)
    if isinstance(origin, type) and origin is not UnionType:
        return not issubclass(origin, str | Mapping)
    return any(map(_may_be_list, get_args(annotation)))


def first_name(steps: Column) -> str | None:
    """Return the member of a document where the field is looked for first; None if it is deeper."""
    first = steps[0].sources[0]
    return str(first[0]) if len(steps) == len(first) == 1 else None


def find(steps: Column, fields: Mapping[str, Any]) -> Any:
    """Return the value of the field in stored fields, MISSING if a reader sees none."""
    value: Any = fields
    for step in steps:
        # A nested model that is absent, such as None, has no defaults either.
        if not isinstance(value, Mapping):
            return MISSING
        value = step.find(value)  # pyright: ignore[reportUnknownArgumentType] - it is JSON
        if value is MISSING:
            return MISSING
    return value
