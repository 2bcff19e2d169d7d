"""Documents: pydantic models with an id and a revision, and the pure steps between them and JSON.

What a backend stores is the JSON object of the model's fields, by alias, without `id` and `rev`.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

from pydantic import BaseModel, ConfigDict, ValidationError

from datapatterns.errors import DecodeFailed, InvalidArgument, InvalidData
from datapatterns.names import check_name

if sys.version_info >= (3, 14):
    from uuid import uuid7
else:
    from uuid_utils import uuid7

_OURS = {"id", "rev"}


class Document(BaseModel):
    """A schema with an identity: `id` and `rev` are opaque, and `rev` is given by the backend."""

    # By default a NaN in a field of any type would be stored as null; now it is seen and refused.
    model_config = ConfigDict(ser_json_inf_nan="constants")

    id: str | None = None
    rev: str | None = None


D = TypeVar("D", bound=Document)


def new_id() -> str:
    """A fresh id that sorts by its time of making (a version 7 UUID)."""
    return str(uuid7())


def document_id(document: Document, id_from: str | None) -> str:
    """The id to create the document under: from the field, else its own, else a fresh one."""
    id = getattr(document, id_from) if id_from is not None else document.id
    return check_name("an id", new_id() if id is None else id)


def fields_of(document: Document) -> dict[str, Any]:
    """The JSON object to store; InvalidData if the document does not fit its own model."""
    try:
        # What does not fit is found by validation; the serializer would print it in a warning.
        return document.model_dump(mode="json", by_alias=True, exclude=_OURS, warnings=False)
    except ValueError as error:
        raise InvalidData(f"{type(document).__name__} cannot be written as JSON") from error


def load(model: type[D], id: str, rev: str, fields: Mapping[str, Any]) -> D:
    """The document of stored fields; DecodeFailed, naming the id, if they no longer validate."""
    try:
        document = model.model_validate(fields)
    except ValidationError as error:
        places = sorted({".".join(map(str, found["loc"])) for found in error.errors()})
        message = f"the stored document {id!r} does not fit {model.__name__}: {', '.join(places)}"
        raise DecodeFailed(message, data={"id": id}) from error
    document.id, document.rev = id, rev
    return document


def revise(
    fields: Mapping[str, Any],
    changes: Mapping[str, Any],
    model: type[Document],
    *,
    update_model: type[BaseModel] | None = None,
    immutable: Collection[str] = (),
) -> dict[str, Any]:
    """The stored fields with the named ones changed, validated; all others stay as they are.

    Raises InvalidData for an unknown or immutable field, and if the result does not validate.
    """
    check_changes(changes, model, immutable)
    try:
        if update_model is not None:
            update_model.model_validate(changes)
        known = {**fields, **_by_alias(changes, model)}
        document = model.model_validate(known)
    except ValidationError as error:
        raise InvalidData.of(error) from error
    return {**fields, **document.model_dump(mode="json", by_alias=True, include=set(changes))}


def check_changes(
    changes: Mapping[str, Any], model: type[Document], immutable: Collection[str]
) -> None:
    """InvalidData for a change to a field that is unknown, immutable, or the id or revision."""
    errors: list[InvalidData] = []
    for name in changes:
        if name not in model.model_fields:
            errors.append(InvalidData.field(str(name), "unknown field", "extra_forbidden"))
        elif name in immutable or name in _OURS:
            errors.append(InvalidData.field(name, "cannot be changed", "frozen_field"))
    if errors:
        found = [error.errors[0] for error in errors]
        raise InvalidData("; ".join(error.detail for error in errors), errors=found)


def _by_alias(changes: Mapping[str, Any], model: type[Document]) -> dict[str, Any]:
    """The changes under the names that validation reads."""
    named: dict[str, Any] = {}
    for name, value in changes.items():
        alias = model.model_fields[name].validation_alias
        named[alias if isinstance(alias, str) else name] = value
    return named


def field_value(fields: Mapping[str, Any], path: str) -> tuple[bool, Any]:
    """Whether the stored fields have that field (`a.b` reaches into objects), and its value."""
    if "." not in path:
        return path in fields, fields.get(path)
    value: Any = fields
    for part in path.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return False, None
        value = cast("Mapping[str, Any]", value)[part]
    return True, value


@dataclass(frozen=True)
class Schema(Generic[D]):
    """What a repository was told of its documents."""

    model: type[D]
    id_from: str | None = None
    immutable: frozenset[str] = field(default_factory=frozenset[str])
    update_model: type[BaseModel] | None = None

    def __post_init__(self) -> None:
        if not (isinstance(self.model, type) and issubclass(self.model, Document)):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
            raise InvalidArgument("a repository's model is a subclass of Document")
        named = {*self.immutable, *([] if self.id_from is None else [self.id_from])}
        if unknown := named - set(self.model.model_fields):
            raise InvalidArgument(
                f"{self.model.__name__} has no field {', '.join(sorted(unknown))}"
            )
        stored = (info.serialization_alias for info in self.model.model_fields.values())
        if any(alias is not None and alias.startswith("_") for alias in stored):
            raise InvalidArgument("stored names that begin with _ belong to the stores")

    def checked(self, document: object) -> tuple[D, dict[str, Any]]:
        """The document as it would be read back, and the fields to store; InvalidData if not."""
        if not isinstance(document, self.model):
            raise InvalidArgument(f"expected a {self.model.__name__}")
        fields = fields_of(document)
        try:
            return self.model.model_validate(fields), fields
        except ValidationError as error:
            raise InvalidData.of(error) from error
