"""The fields of pydantic models as JSON has them: their names, their defaults, their order.

A field is stored under one name and may be read under several. What cannot come back from JSON by
the model's declaration alone is refused here, when a repository or a queue is made.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Union, cast, get_args, get_origin

from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    PlainSerializer,
    Secret,
    SecretBytes,
    SecretStr,
    WrapSerializer,
)
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from datapatterns.errors import InvalidArgument

Path = tuple[str | int, ...]

SECRETS = (SecretStr, SecretBytes, Secret)


class Missing:
    """Stands for the static default of a field that has none."""


MISSING = Missing()


@dataclass(frozen=True, slots=True)
class StoredField:
    """Where a field is read from: paths in their order, then its static default as JSON."""

    name: str  # under which it is stored
    sources: tuple[Path, ...]
    default: Any = MISSING

    def find(self, fields: object) -> Any:
        """Return the field's value in stored fields as a reader sees it, else MISSING."""
        for path in self.sources:
            value = _at(fields, path)
            if value is not MISSING:
                return value
        return self.default


def _at(value: Any, path: Path) -> Any:
    for part in path:
        try:
            if isinstance(part, str) != isinstance(value, Mapping) or isinstance(value, str):
                return MISSING
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return MISSING
    return value


def stored_name(name: str, info: FieldInfo) -> str:
    """Return the name under which the field is written."""
    return name if info.serialization_alias is None else info.serialization_alias


def sources(model: type[BaseModel], name: str) -> tuple[Path, ...]:
    """Return the paths that validation reads the field from, in its order."""
    info, config = model.model_fields[name], model.model_config
    alias = info.validation_alias
    found: list[Path] = []
    if alias is not None and config.get("validate_by_alias", True) is not False:
        choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
        found += [tuple(one.path) if isinstance(one, AliasPath) else (one,) for one in choices]
    if alias is None or config.get("validate_by_name") or config.get("populate_by_name"):
        found.append((name,))
    return tuple(dict.fromkeys(found))


def stored_field(model: type[BaseModel], name: str) -> StoredField:
    """Return where the field is stored, and its default unless a function makes it."""
    info = model.model_fields[name]
    default: Any = MISSING
    if info.default is not PydanticUndefined:
        try:
            made = model.model_construct(**{name: info.default})
            plain = made.model_dump(
                mode="json", by_alias=True, include={name}, round_trip=True, warnings=False
            )
            default = next(iter(plain.values()), MISSING)
        except Exception:  # of a serializer that does not take the default
            default = MISSING
    return StoredField(stored_name(name, info), sources(model, name), default)


def by_stored_name(model: type[BaseModel]) -> dict[str, str]:
    """Return the names of the model's fields by the names under which they are stored."""
    return {stored_name(name, info): name for name, info in model.model_fields.items()}


def nested_model(annotation: Any) -> type[BaseModel] | None:
    """Return the model in an annotation such as `Address | None`; None unless there is just one."""
    models = {
        part
        for part in _parts(annotation)
        if isinstance(part, type) and issubclass(part, BaseModel)
    }
    return models.pop() if len(models) == 1 else None


def _parts(annotation: Any) -> Iterator[Any]:
    """Yield the alternatives of a type, without its annotations."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _parts(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for part in get_args(annotation):
            yield from _parts(part)
    else:
        yield annotation


# --- what cannot come back


def check_carried(what: str, model: type[BaseModel], apart: Collection[str] = ()) -> None:
    """Raise InvalidArgument for a field that cannot come back from JSON as it was written.

    These are secrets, which are written as asterisks; excluded fields; fields that are written
    under a name which validation does not read; and two that are written under one name. Fields
    and models with serializers of their own are taken on trust: every write checks its values.
    `apart` names fields of the model that are stored elsewhere.
    """
    for where, problem in _lost(model, set(), apart):
        raise InvalidArgument(f"{what} cannot keep {where}: {problem}")


def _lost(
    model: type[BaseModel], seen: set[type[BaseModel]], apart: Collection[str] = ()
) -> Iterator[tuple[str, str]]:
    """Yield the fields of the model, and of models in it, that would be lost, and why."""
    decorators = model.__pydantic_decorators__
    if model in seen or decorators.model_serializers:
        return
    seen.add(model)
    trusted = {
        field for found in decorators.field_serializers.values() for field in found.info.fields
    }
    written: dict[str, str] = {name: name for name in apart}
    for name, info in model.model_fields.items():
        if name in apart:
            continue
        where = f"{model.__name__}.{name}"
        if (other := written.setdefault(stored_name(name, info), name)) != name:
            yield where, f"it is written under the same name as {other}; give it another alias"
        if info.exclude:
            yield where, "it has exclude=True; store it, or make it a private attribute"
        if (stored_name(name, info),) not in sources(model, name):
            yield where, _split_alias(name, info)
        if name in trusted or "*" in trusted:
            continue
        for part in _written_as_they_are(Annotated[info.annotation, *(info.metadata or [None])]):
            if issubclass(part, SECRETS):
                yield (
                    where,
                    "a secret is written as asterisks; give it a field_serializer that reveals it,"
                    " or store only a hash of it",
                )
            elif issubclass(part, BaseModel):
                yield from _lost(part, seen)


def _split_alias(name: str, info: FieldInfo) -> str:
    written = stored_name(name, info)
    return (
        f"it is written as {written!r}, which is none of the names that it is read from;"
        f" add {written!r} to its validation_alias with AliasChoices"
    )


def _written_as_they_are(annotation: Any) -> Iterator[type[Any]]:
    """Yield the classes within an annotation, without those that have a serializer."""
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *metadata = get_args(annotation)
        if not any(isinstance(one, PlainSerializer | WrapSerializer) for one in metadata):
            yield from _written_as_they_are(inner)
        return
    if isinstance(origin, type) and issubclass(origin, Secret):
        yield Secret
    if isinstance(annotation, type) and origin is None:
        yield annotation
    for part in get_args(annotation):
        yield from _written_as_they_are(part)


# --- order


def unordered(model: type[BaseModel], name: str) -> str | None:
    """Return the type of a field whose JSON text has not the order of its values; None if it has.

    That is a Decimal, a timedelta or a datetime without a serializer of its own.
    """
    schema = cast("dict[str, Any]", model.__pydantic_core_schema__)
    definitions = {each["ref"]: each for each in schema.get("definitions", ())}
    field = _model_field(schema, definitions, name)
    return None if field is None else _unordered(field, definitions, set())


_INNER = ("schema", "json_schema", "lax_schema", "items_schema")


def _model_field(schema: Any, definitions: Mapping[str, Any], name: str) -> Any:
    """Return the schema of a field in the schema of its model."""
    while isinstance(schema, dict):
        found = cast("dict[str, Any]", schema)
        if found["type"] == "definition-ref":
            schema = definitions.get(found["schema_ref"])
        elif found["type"] == "model-fields":
            return found["fields"].get(name)
        else:
            schema = found.get("schema")
    return None


def _unordered(schema: Any, definitions: Mapping[str, Any], seen: set[str]) -> str | None:
    kind = schema["type"]
    if "serialization" in schema or kind in ("model", "dict"):
        return None
    if kind in ("decimal", "timedelta", "datetime"):
        return "Decimal" if kind == "decimal" else kind
    if kind == "definition-ref":
        ref = schema["schema_ref"]
        if ref in seen or ref not in definitions:
            return None
        return _unordered(definitions[ref], definitions, seen | {ref})
    inner = [schema[key] for key in _INNER if isinstance(schema.get(key), dict)]
    choices: Any = schema.get("choices") or ()
    if kind == "tagged-union":
        choices = list(choices.values())
    inner += [choice[0] if isinstance(choice, tuple) else choice for choice in choices]
    inner += schema.get("steps") or ()
    if kind == "tuple":
        inner += schema.get("items_schema") or ()
    return next(filter(None, (_unordered(each, definitions, seen) for each in inner)), None)
