"""Changes to a stored document: `update`, `patch` and `rewrite` as pure steps over its fields.

Each is made once from the caller's arguments, which it checks, and applied to what is stored, as
often as other writers are faster. Stored fields that the model does not know stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from pydantic_core import to_json

from datapatterns.core.codecs import dumps, is_plain, loads
from datapatterns.core.documents import Document, give_identity
from datapatterns.core.json_values import is_json
from datapatterns.core.model_fields import MISSING, by_stored_name
from datapatterns.core.model_json import Location, differences, listed, not_finite, same
from datapatterns.core.schema import OURS, Schema, same_json
from datapatterns.core.schema_versions import SCHEMA_VERSION
from datapatterns.errors import DataError, FieldError, InvalidArgument, InvalidData

D = TypeVar("D", bound=Document)

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Revised(Generic[D]):
    """A changed document: all its stored fields, and the document of the former revision."""

    fields: Fields
    document: D


Revise = Callable[[str, str, Mapping[str, Any]], Revised[D] | None]
"""Returns, for the id, revision and stored fields, the changed document; None to leave it."""


def update(schema: Schema[D], changes: Mapping[str, Any]) -> Revise[D]:
    """Return the step that sets the named fields to these values.

    Raise InvalidData for an unknown or immutable field, and for a value that cannot be JSON.
    """
    _check_names(schema, changes)
    if schema.update_json is not None:
        schema.update_json.validate(changes)
    shaped = schema.json.shaped  # then the JSON has no members of the names of fields
    values = {} if shaped else {name: _as_json(schema, name, changes[name]) for name in changes}
    rich = [name for name, value in changes.items() if not is_json(value)]

    def revise(id: str, rev: str, fields: Mapping[str, Any]) -> Revised[D]:
        before = schema.upgraded(id, fields)
        if shaped:
            made = _assigned(schema, schema.load(id, rev, fields), changes)
            return _revised(schema, id, rev, before, made, changes.keys())
        merged = _merged(schema, before, values)
        made = schema.read(id, merged)
        _check_taken(schema, made, changes, rich)
        return _revised(schema, id, rev, before, made, changes.keys(), merged=merged)

    return revise


def _merged(schema: Schema[D], before: Mapping[str, Any], values: Mapping[str, Any]) -> Fields:
    """Return the stored fields with these JSON values."""
    merged = dict(before)
    for name, value in values.items():
        _set(schema, merged, name, value, values.keys())
    return merged


def _assigned(schema: Schema[D], document: D, changes: Mapping[str, Any]) -> D:
    """Return the document with these fields, as Python values, validated."""
    values = {name: getattr(document, name) for name in schema.fields} | {**changes}
    named: Fields = {str(schema.fields[name].sources[0][0]): values[name] for name in values}
    return schema.json.validate({**named, "id": document.id})


def patch(schema: Schema[D], given: object) -> Revise[D]:
    """Return the step that applies a JSON Merge Patch (RFC 7396).

    Names of the object are names of fields, or the names under which these are stored; within
    nested objects they are the names that these have in JSON. Raise InvalidArgument if it is not an
    object, InvalidData as `update` does and for a name that a nested model does not store.
    """
    if not isinstance(given, Mapping):
        raise InvalidArgument(f"a patch must be a JSON object, not {type(given).__name__}")
    if schema.json.shaped:
        message = (
            f"patch needs a model without a model_serializer, which {schema.model.__name__} has"
        )
        raise InvalidArgument(message)
    stored = by_stored_name(schema.model)
    members = cast("Fields", given)
    named = {stored.get(name, name): value for name, value in members.items()}
    if len(named) < len(members):
        raise InvalidData("a patch names a field once, by its name or by its stored name")
    _check_names(schema, named)
    values = {name: _plain(name, value) for name, value in named.items()}

    def revise(id: str, rev: str, fields: Mapping[str, Any]) -> Revised[D]:
        before = schema.upgraded(id, fields)
        patched = {
            name: merge_patch(schema.fields[name].find(before), value)
            for name, value in values.items()
        }
        merged = _merged(schema, before, patched)
        if schema.update_json is not None:
            kept = {name: value for name, value in patched.items() if value is not MISSING}
            schema.update_json.read(dumps(kept))
        made = schema.read(id, merged)
        _check_known(schema, made, values)
        return _revised(schema, id, rev, before, made, named.keys(), raw=merged, merged=merged)

    return revise


def rewrite(schema: Schema[D]) -> Revise[D]:
    """Return the step that stores every field as the model has it now, None if it is so already."""

    def revise(id: str, rev: str, fields: Mapping[str, Any]) -> Revised[D] | None:
        before = schema.upgraded(id, fields)
        made = schema.load(id, rev, fields)
        revised = _revised(schema, id, rev, before, made, schema.fields.keys(), raw=before)
        return None if _alike(revised.fields, dict(fields)) else revised

    return revise


def _alike(one: Any, other: Any) -> bool:
    """Return whether two JSON values are equal but for the order in which sets were written."""
    return same_json(one, other) or same_json(_ordered(one), _ordered(other))


def _ordered(value: Any) -> Any:
    """Return the JSON value with its members and the items of its arrays in one order."""
    if isinstance(value, Mapping):
        return {name: _ordered(part) for name, part in sorted(cast("Fields", value).items())}
    if isinstance(value, list):
        return sorted(map(_ordered, value), key=to_json)  # pyright: ignore[reportUnknownArgumentType] - of any items
    return value


def _check_known(schema: Schema[D], made: D, patch: Mapping[str, Any]) -> None:
    """Raise InvalidData if nested objects of the patched document lack members of the patch."""
    written: Fields = loads(schema.json.write(made, patch.keys()))
    unknown = [
        FieldError(loc=(name, *place), msg="unknown field", type="extra_forbidden")
        for name, part in patch.items()
        for place in _unknown(part, written.get(schema.fields[name].name))
    ]
    if unknown:
        raise listed(schema.model, unknown)


def _unknown(patch: Any, value: Any, place: Location = ()) -> Iterator[Location]:
    """Yield the places of members of the patch that the object it was applied to does not have."""
    if not isinstance(patch, Mapping) or not isinstance(value, Mapping):
        return
    members = cast("Fields", value)
    for name, part in cast("Fields", patch).items():
        if name in members:
            yield from _unknown(part, members[name], (*place, name))
        elif part is not None:
            yield (*place, name)


def merge_patch(value: Any, patch: Any) -> Any:
    """Return the JSON value with the patch applied; MISSING stands for a removed value."""
    if patch is None:
        return MISSING
    if not isinstance(patch, Mapping):
        return patch
    merged: Fields = dict(cast("Fields", value)) if isinstance(value, Mapping) else {}
    for name, part in cast("Fields", patch).items():
        if (new := merge_patch(merged.get(name, MISSING), part)) is MISSING:
            merged.pop(name, None)
        else:
            merged[name] = new
    return merged


def _revised(
    schema: Schema[D],
    id: str,
    rev: str,
    before: Mapping[str, Any],
    made: D,
    names: Collection[str],
    *,
    raw: Mapping[str, Any] | None = None,
    merged: Mapping[str, Any] | None = None,
) -> Revised[D]:
    """Return the stored fields with those of these names as `made` has them.

    With `raw`, members of nested objects that the model does not know are kept from there. `merged`
    are the stored fields from which `made` was read. Raise InvalidData if one of the fields would
    be read as another value.
    """
    data = schema.json.write(made, names)
    schema.json.check_finite(data)
    written: Fields = loads(data)
    fields = dict(before)
    for name in names:
        field = schema.fields[name]
        value = written.get(field.name, MISSING)
        known = value if raw is None else _with_unknown(field.find(raw), value)
        _set(schema, fields, name, known, names)
    fields |= {name: written[name] for name in written.keys() - schema.stored_names}
    if schema.version > 1:
        fields[SCHEMA_VERSION] = schema.version
    document = made
    if merged is None or not _same_members(schema, names, fields, merged):
        document = schema.read(id, fields)
        _check_same(schema, names, made, document)
    give_identity(document, id, rev)
    return Revised(fields, document)


def _same_members(
    schema: Schema[D], names: Collection[str], one: Mapping[str, Any], other: Mapping[str, Any]
) -> bool:
    """Return whether these fields are stored alike, so that reading both gives the same."""
    stored = [schema.fields[name].name for name in names]
    return all(same_json(one.get(name, MISSING), other.get(name, MISSING)) for name in stored)


def _check_same(schema: Schema[D], names: Collection[str], given: D, read: D) -> None:
    """Raise InvalidData unless these fields of two documents are equal."""
    lost = [
        FieldError(loc=place, msg="would be read back as another value", type="not_kept")
        for name in names
        for place in differences(getattr(given, name), getattr(read, name), (name,))
    ]
    if lost:
        raise listed(schema.model, lost)


def _set(schema: Schema[D], fields: Fields, name: str, value: Any, names: Collection[str]) -> None:
    """Set the field under its stored name, and remove it under the others that it is read from.

    A name that a field besides `names` is read from stays. Raise InvalidData if the value would
    not be found.
    """
    field = schema.fields[name]
    if value is not MISSING and field.sources == ((field.name,),):
        fields[field.name] = value
        return
    for path in field.sources:
        if len(path) == 1 and not _needed(schema, path[0], name, names):
            fields.pop(str(path[0]), None)
    if value is not MISSING:
        fields[field.name] = value
        if field.find(fields) is not value:
            message = f"is read from other stored fields before {field.name}"
            raise InvalidData.field(name, message, "not_kept")


def _needed(schema: Schema[D], stored: str | int, name: str, names: Collection[str]) -> bool:
    """Return whether a stored name is that of another field, or one outside `names` reads it."""
    return any(
        other.name == stored or (each not in names and (stored,) in other.sources)
        for each, other in schema.fields.items()
        if each != name
    )


def _with_unknown(raw: Any, written: Any) -> Any:
    """Return the written value with the members of objects that only the raw value has."""
    if not isinstance(raw, Mapping) or not isinstance(written, Mapping):
        return written
    kept, new = cast("Fields", raw), cast("Fields", written)
    return {**kept, **{name: _with_unknown(kept.get(name), part) for name, part in new.items()}}


# --- arguments


def _check_names(schema: Schema[D], changes: Mapping[str, Any]) -> None:
    """Raise InvalidData for an unknown or immutable field, the id or the revision.

    The error also lists what is wrong with the values of the other fields.
    """
    errors: list[FieldError] = []
    allowed: Fields = {}
    for name, value in changes.items():
        if name not in schema.model.model_fields:
            errors += InvalidData.field(str(name), "unknown field", "extra_forbidden").errors
        elif name in schema.fixed or name in OURS:
            errors += InvalidData.field(name, "cannot be changed", "frozen_field").errors
        else:
            allowed[name] = value
    if errors:
        errors += _wrong_values(schema, allowed)
        told = [f"{'.'.join(map(str, found['loc']))}: {found['msg']}" for found in errors]
        raise InvalidData("; ".join(told), errors=errors)


def _wrong_values(schema: Schema[D], values: Mapping[str, Any]) -> list[FieldError]:
    """Return the errors in these values that show without the rest of the document."""
    named: Fields = {}
    for name, value in values.items():
        named[str(schema.fields[name].sources[0][0])] = value
    try:
        schema.json.validate(named)
    except InvalidData as error:
        return [each for each in error.errors if each["loc"] and each["loc"][0] in named]
    return []


def _as_json(schema: Schema[D], name: str, value: Any) -> Any:
    """Return the value as JSON; raise InvalidData naming the field if that is not possible."""
    if is_plain(value):
        return value
    try:
        made = schema.model.model_construct(**{name: value})
        plain = made.model_dump(
            mode="json", by_alias=True, include={name}, round_trip=True, warnings=False
        )
        found = plain[schema.fields[name].name]
    except Exception:  # of a serializer that expects another type
        return _plain(name, value)
    _check_finite(name, found)
    return found


def _plain(name: str, value: Any) -> Any:
    """Return the value as the JSON value that `dumps` makes of it."""
    try:
        return loads(dumps(value))
    except DataError as error:
        _check_finite(name, value)
        message = "cannot be written as JSON"
        raise InvalidData.field(name, message, "not_json") from error


def _check_finite(name: str, value: Any) -> None:
    """Raise InvalidData for numbers that JSON lacks."""
    if next(not_finite(value), None) is not None:
        raise InvalidData.field(name, "must be a finite number", "finite_number")


def _check_taken(
    schema: Schema[D], made: D, changes: Mapping[str, Any], names: Collection[str]
) -> None:
    """Raise InvalidData if values of these names were lost on their way through JSON.

    They must have come back equal, or as what validation makes of the Python values.
    """
    lost = [name for name in names if not same(changes[name], getattr(made, name))]
    if not lost:
        return
    try:
        given = _assigned(schema, made, changes)
    except InvalidData:  # of strict fields, or of others that take JSON only
        given = made.model_copy(update=dict(changes))
    _check_same(schema, lost, given, made)
