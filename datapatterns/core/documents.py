"""Documents: pydantic models with an id and a revision, and the pure steps between them and JSON.

What a backend stores is the JSON object of the model's fields, by alias, without `id` and `rev`.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar, cast

from pydantic import (
    AfterValidator,
    AliasChoices,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    WithJsonSchema,
)

from datapatterns.core.checks import check_name, check_names
from datapatterns.errors import (
    Conflict,
    DecodeFailed,
    FieldError,
    InvalidArgument,
    InvalidData,
    NotFound,
)

if sys.version_info >= (3, 14):
    from uuid import uuid7
else:
    from uuid_utils import uuid7

_OURS = {"id", "rev"}


def new_id() -> str:
    """Return a fresh id that sorts by the time of making (a UUID of version 7)."""
    return str(uuid7())


class Document(BaseModel):
    """A schema with an identity: a fresh `id` unless one is given, and the backend's `rev`.

    Both are opaque strings. A fresh id is a UUID of version 7, which sorts by the time of making.
    """

    # By default a NaN in a field of any type would be stored as null; now it is seen and refused.
    model_config = ConfigDict(ser_json_inf_nan="constants")

    id: str = Field(default_factory=new_id)
    rev: str | None = None


D = TypeVar("D", bound=Document)


def utc_text(moment: datetime) -> str:
    """Return the moment in UTC as text of a fixed width, so that texts sort in the order of time.

    Raise ValueError if it has no time zone, or if its year in UTC is not from 1 to 9999.
    """
    return _in_utc(moment).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _in_utc(moment: datetime) -> datetime:
    if moment.utcoffset() is None:
        raise ValueError("a datetime needs a time zone, such as datetime.UTC")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("the datetime is beyond the calendar in UTC") from None


def _to_json(value: Any) -> Any:
    """Return a moment as its text and any other value unchanged, for validation to refuse it."""
    try:
        return utc_text(value) if isinstance(value, datetime) else value
    except ValueError:
        return value


UtcDatetime = Annotated[
    AwareDatetime,
    AfterValidator(_in_utc),
    PlainSerializer(_to_json, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A moment that indexes put in the order of time: an aware datetime, kept in UTC.

In JSON it always has six digits of a second and a `Z`. Pydantic's own text of a `datetime` has as
many digits as there are, and any offset, which is no order. Naive datetimes are invalid.
"""


def document_id(document: Document, id_from: str | None) -> str:
    """Return the id to create the document under: the value of the field, or its own id."""
    return check_name("an id", document.id if id_from is None else getattr(document, id_from))


def id_to_replace(document: Document, id_from: str | None) -> str:
    """Return the document's id; raise InvalidData if the field of `id_from` has another value."""
    id = check_name("the id of a document to replace", document.id)
    if id_from is not None and getattr(document, id_from) != id:
        raise InvalidData.field(id_from, "cannot be changed", "frozen_field")
    return id


def absent() -> NotFound:
    """Return the error for an id without a document."""
    return NotFound("there is no such document")


def stale() -> Conflict:
    """Return the error for a revision that is not the stored one."""
    return Conflict("the document has changed since it was read")


def contention() -> Conflict:
    """Return the error for a write that other writers overtook at every attempt."""
    return Conflict("other writers were faster every time", reason="contention")


def fields_of(document: Document) -> dict[str, Any]:
    """Return the JSON object to store; raise InvalidData if the document cannot be written."""
    try:
        # What does not fit is found by validation; the serializer would print it in a warning.
        return document.model_dump(mode="json", by_alias=True, exclude=_OURS, warnings=False)
    except ValueError as error:
        raise InvalidData(f"{type(document).__name__} cannot be written as JSON") from error


def load(model: type[D], id: str, rev: str, fields: Mapping[str, Any]) -> D:
    """Return the document of the stored fields; raise DecodeFailed if they do not validate."""
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
    """Return the stored fields with the changes applied and validated; keep all others.

    Computed fields follow the change. Raise InvalidData for an unknown or immutable field, and if
    the result does not validate.
    """
    check_changes(changes, model, immutable)
    try:
        if update_model is not None:
            update_model.model_validate(changes)
        known = {**fields, **_by_alias(changes, model)}
        document = model.model_validate(known)
    except ValidationError as error:
        raise InvalidData.of(error) from error
    written = {*changes, *model.model_computed_fields}  # which may follow from the changed ones
    return {**fields, **document.model_dump(mode="json", by_alias=True, include=written)}


def check_changes(
    changes: Mapping[str, Any], model: type[Document], immutable: Collection[str]
) -> None:
    """Raise InvalidData for a change to an unknown or immutable field, the id or the revision.

    The error also lists what is wrong with the values of the other changes.
    """
    errors: list[FieldError] = []
    allowed: dict[str, Any] = {}
    for name, value in changes.items():
        if name not in model.model_fields:
            errors += InvalidData.field(str(name), "unknown field", "extra_forbidden").errors
        elif name in immutable or name in _OURS:
            errors += InvalidData.field(name, "cannot be changed", "frozen_field").errors
        else:
            allowed[name] = value
    if errors:
        errors += _wrong_values(_by_alias(allowed, model), model)
        told = [f"{'.'.join(map(str, found['loc']))}: {found['msg']}" for found in errors]
        raise InvalidData("; ".join(told), errors=errors)


def _wrong_values(named: Mapping[str, Any], model: type[Document]) -> list[FieldError]:
    """Return the errors in these values that show without the rest of the document."""
    try:
        model.model_validate(named)
    except ValidationError as error:
        found = InvalidData.of(error).errors
        return [each for each in found if each["loc"] and each["loc"][0] in named]
    except Exception:  # of a validator that counts on the other fields
        return []
    return []


def _by_alias(changes: Mapping[str, Any], model: type[Document]) -> dict[str, Any]:
    """Return the changes under the names that validation reads."""
    named: dict[str, Any] = {}
    for name, value in changes.items():
        alias = model.model_fields[name].validation_alias
        choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
        named[next((each for each in choices if isinstance(each, str)), name)] = value
    return named


def field_value(fields: Mapping[str, Any], path: str) -> tuple[bool, Any]:
    """Return whether the fields have that path (`a.b` reaches into objects), and its value."""
    if "." not in path:
        return path in fields, fields.get(path)
    value: Any = fields
    for part in path.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return False, None
        value = cast("Mapping[str, Any]", value)[part]
    return True, value


def stored_names(model: type[Document]) -> set[str] | None:
    """Return the names that the fields are stored under; None if the model may store others."""
    serializers = model.__pydantic_decorators__.model_serializers
    if serializers or model.model_config.get("extra") == "allow":
        return None
    names = {
        name if info.serialization_alias is None else info.serialization_alias
        for name, info in model.model_fields.items()
        if name not in _OURS
    }
    computed = model.model_computed_fields.items()
    return names | {name if info.alias is None else info.alias for name, info in computed}


def check_model(what: str, model: object, base: type[BaseModel]) -> None:
    """Raise InvalidArgument unless the model is a class that inherits from the base."""
    if not (isinstance(model, type) and issubclass(model, base)):
        kind = "a subclass of Document" if base is Document else "a pydantic model"
        raise InvalidArgument(f"{what} must be {kind}")


@dataclass(frozen=True)
class Schema(Generic[D]):
    """The options of a repository that concern its documents."""

    model: type[D]
    id_from: str | None = None
    immutable: tuple[str, ...] = ()
    update_model: type[BaseModel] | None = None

    def __post_init__(self) -> None:
        check_model("model", self.model, Document)
        if self.update_model is not None:
            check_model("update_model", self.update_model, BaseModel)
        if self.id_from is not None:
            self._check_fields("id_from", (check_name("id_from", self.id_from),))
        self._check_fields("immutable", check_names("immutable", self.immutable))
        stored = (info.serialization_alias for info in self.model.model_fields.values())
        if any(alias is not None and alias.startswith("_") for alias in stored):
            raise InvalidArgument("stored names that begin with _ belong to the stores")

    def _check_fields(self, option: str, named: tuple[str, ...]) -> None:
        """Raise InvalidArgument if the option names a field that the model does not have."""
        if unknown := set(named) - set(self.model.model_fields):
            what = f"{option} must be of the fields of {self.model.__name__}"
            raise InvalidArgument(f"{what}, not {', '.join(sorted(unknown))}")

    def checked(self, document: object) -> tuple[D, dict[str, Any]]:
        """Return the document as it would be read back, and the fields to store.

        Raise InvalidArgument if it is not of the model, InvalidData if it does not validate.
        """
        if not isinstance(document, self.model):
            raise InvalidArgument(f"expected a {self.model.__name__}")
        fields = fields_of(document)
        try:
            return self.model.model_validate(fields), fields
        except ValidationError as error:
            raise InvalidData.of(error) from error
