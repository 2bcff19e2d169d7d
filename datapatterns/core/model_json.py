"""Instances of a pydantic model as JSON, with the proof that reading gives back what was written.

Writing serializes an instance, validates the JSON again, and compares the result with the instance.
What would be read as another value, such as a masked secret, is refused with the name of its field.
Whatever code of the model raises counts as a failed validation.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, Generic, TypeVar, cast
from uuid import UUID

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json, to_json

from datapatterns.errors import FieldError, InvalidArgument, InvalidData

M = TypeVar("M", bound=BaseModel)

Location = tuple[str | int, ...]


class ModelJson(Generic[M]):
    """Writes the instances of one model as JSON, and reads them.

    `apart` names fields that are stored elsewhere. With `computed=True` the JSON also has the
    model's computed fields, which reading has to leave out again.
    """

    def __init__(
        self, model: type[M], *, apart: Collection[str] = (), computed: bool = False
    ) -> None:
        complete_model(model)
        self.model = model
        self._apart = set(apart) or None
        self._computed = set(model.model_computed_fields) if computed else set[str]()
        self.shaped = bool(model.__pydantic_decorators__.model_serializers)

    def write(self, instance: M, names: Collection[str] | None = None) -> bytes:
        """Return the instance's JSON; raise InvalidData naming the fields that cannot be JSON.

        With `names`, return only the fields of these names and the computed ones, unless the model
        has a serializer of its own.
        """
        include = None if names is None or self.shaped else set(names)
        try:
            # What does not fit the model is found by validation; a warning would print it.
            data = self.model.__pydantic_serializer__.to_json(
                instance,
                include=include,
                exclude=self._apart,
                by_alias=True,
                round_trip=True,
                warnings=False,
            )
            if self._computed:
                data = joined(data, self._json(instance, include=self._computed))
        except Exception as error:
            raise self._not_json(instance, error) from error
        return data

    def read(self, data: bytes) -> M:
        """Return the instance in the JSON; raise InvalidData if it does not validate."""
        try:
            return self.model.__pydantic_validator__.validate_json(data)
        except ValidationError as error:
            raise InvalidData.of(error) from error
        except Exception as error:
            raise unreadable(self.model, error) from error

    def validate(self, values: Mapping[str, Any]) -> M:
        """Return the instance of these Python values; raise InvalidData if they do not validate."""
        try:
            return self.model.model_validate(values)
        except ValidationError as error:
            raise InvalidData.of(error) from error
        except Exception as error:
            raise unreadable(self.model, error) from error

    def check_kept(self, given: M, data: bytes, read: M) -> None:
        """Raise InvalidData unless what was read from the JSON is equal to what was given."""
        self.check_finite(data)
        self.check_same(given, read)

    def check_same(self, given: M, read: M) -> None:
        """Raise InvalidData unless the two are equal."""
        if same(given, read):
            return
        if type(given) is not type(read):
            message = (
                f"is a {type(given).__name__}, and would be read back as a {type(read).__name__}"
            )
            raise listed(self.model, [FieldError(loc=(), msg=message, type="not_kept")])
        if errors := [_not_kept(place) for place in differences(given, read)]:
            raise listed(self.model, errors)

    def _json(self, instance: M, **options: Any) -> bytes:
        return self.model.__pydantic_serializer__.to_json(
            instance, by_alias=True, warnings=False, **options
        )

    def check_finite(self, data: bytes) -> None:
        """Raise InvalidData for the numbers that JSON lacks: NaN, Infinity and -Infinity."""
        if b"NaN" not in data and b"Infinity" not in data:
            return
        try:
            from_json(data, allow_inf_nan=False)
        except ValueError as error:
            errors = [
                FieldError(loc=place, msg="must be a finite number", type="finite_number")
                for place in not_finite(from_json(data))
            ]
            if errors:
                raise listed(self.model, errors) from error

    def _not_json(self, instance: M, error: Exception) -> InvalidData:
        """Return the error that names the fields which cannot be serialized."""
        errors: list[FieldError] = []
        names = self.model.model_fields.keys() | self._computed
        for name in names - (self._apart or set()):
            try:
                self._json(instance, include={name}, round_trip=name not in self._computed)
            except Exception:
                errors.append(
                    FieldError(loc=(name,), msg="cannot be written as JSON", type="not_json")
                )
        if errors:
            return listed(self.model, sorted(errors, key=lambda one: str(one["loc"])))
        return InvalidData(
            f"{self.model.__name__} cannot be written as JSON: {type(error).__name__}"
        )


def complete_model(model: type[BaseModel]) -> None:
    """Resolve the model's forward references; raise InvalidArgument if one is not defined."""
    try:
        model.model_rebuild()
    except Exception as error:
        message = f"{model.__name__} is not complete: {type(error).__name__} while resolving it"
        raise InvalidArgument(message) from error


def joined(first: bytes, second: bytes) -> bytes:
    """Return the members of two JSON objects, which have no name in common, as one object."""
    if first == b"{}" or second == b"{}":
        return second if first == b"{}" else first
    return first[:-1] + b"," + second[1:]


def unreadable(model: type[BaseModel], error: Exception) -> InvalidData:
    """Return the error for an exception that code of the model has raised while validating."""
    kind = type(error).__name__
    problem = FieldError(loc=(), msg=f"a validator raised {kind}", type="validator_raised")
    return InvalidData(f"{model.__name__}: a validator raised {kind}", errors=[problem])


def listed(model: type[BaseModel], errors: Sequence[FieldError]) -> InvalidData:
    """Return the error that lists these problems, with the first one's message."""
    where = ", ".join(".".join(map(str, error["loc"])) or "document" for error in errors)
    return InvalidData(f"{model.__name__}: {where}: {errors[0]['msg']}", errors=errors)


def _not_kept(place: Location) -> FieldError:
    message = "would be read back as another value; give the field a serializer that keeps it"
    return FieldError(loc=place, msg=message, type="not_kept")


def not_finite(value: object, place: Location = ()) -> Iterator[Location]:
    """Yield the places of the numbers in a JSON value that are NaN or infinite."""
    if isinstance(value, float) and value - value != 0:
        yield place
    elif isinstance(value, Mapping):
        for name, item in cast("Mapping[str, object]", value).items():
            yield from not_finite(item, (*place, name))
    elif isinstance(value, list):
        for number, item in enumerate(cast("list[object]", value)):
            yield from not_finite(item, (*place, number))


# Values of exactly these types are equal if `==` says so, which never raises.
_PLAIN = frozenset({str, int, float, bool, type(None), bytes, UUID, date, timedelta})


def same(given: object, read: object) -> bool:
    """Return whether what was read is equal to what was given.

    Models and dataclasses are equal if they are of one class and their fields are equal, whatever
    equality their class defines. Private attributes do not count. Values of a class that defines no
    equality are compared by their JSON.
    """
    kind: Any = type(given)
    if kind in _PLAIN:
        return bool(given == read)
    shape, names = _layout(kind)
    if shape is None:
        return _equal(given, read)
    if kind is not type(read) and shape is not _layout(cast("Any", type(read)))[0]:
        return False
    if names is None:
        return _same_parts(given, read)
    if _same_plain(given, read):
        return True
    for name in names:
        one, other = getattr(given, name, None), getattr(read, name, None)
        if one is not other and not same(one, other):
            return False
    extra, others = _extra(given), _extra(read)
    return extra is others or _same_parts(extra or {}, others or {})


def _same_plain(given: Any, read: Any) -> bool:
    """Return whether two instances have the same plain values; this takes half the time."""
    if _extra(given) is not None:
        return False
    parts: dict[str, object] = getattr(given, "__dict__", {})  # slots have none
    plain = bool(parts) and _PLAIN.issuperset(map(type, parts.values()))
    return plain and parts == getattr(read, "__dict__", None)


def _same_parts(given: Any, read: Any) -> bool:
    """Return whether two lists, or two mappings, have the same parts."""
    if len(given) != len(read):
        return False
    if isinstance(given, Mapping):
        members = cast("Mapping[Any, object]", given)
        return all(name in read and same(part, read[name]) for name, part in members.items())
    if _PLAIN.issuperset(map(type, given)):  # long lists of these are many times faster so
        return bool(given == read)
    return all(map(same, given, read))


def differences(given: object, read: object, place: Location = ()) -> Iterator[Location]:
    """Yield the places where what was read is not the same as what was given."""
    if same(given, read):
        return
    shape, _ = _layout(cast("Any", type(given)))
    if shape is None or shape is not _layout(cast("Any", type(read)))[0]:
        yield place
        return
    inner, other = _named(given), _named(read)
    if shape in (list, tuple) and len(inner) != len(other):
        yield place
        return
    for name in {**inner, **other}:
        if name in inner and name in other:
            yield from differences(inner[name], other[name], (*place, name))
        else:
            yield (*place, name)


@lru_cache(maxsize=1_024)
def _layout(kind: Any) -> tuple[type | None, tuple[str, ...] | None]:
    """Return what containers must have in common to be equal, and the fields of such a class.

    For values that are no containers the first is None.
    """
    if issubclass(kind, BaseModel):
        return kind.__pydantic_generic_metadata__["origin"] or kind, tuple(kind.model_fields)
    for base in (list, tuple, Mapping):
        if issubclass(kind, base):
            return base, None
    if is_dataclass(kind):
        return cast("type", kind), tuple(field.name for field in fields(kind))
    return None, None


def _extra(value: object) -> Mapping[str, object] | None:
    """Return the extra fields of a model."""
    return getattr(value, "__pydantic_extra__", None)


def _named(value: Any) -> Mapping[Any, object]:
    """Return the parts of a container by their names or numbers."""
    _, names = _layout(cast("Any", type(value)))
    if names is not None:
        return {name: getattr(value, name, None) for name in names} | {**(_extra(value) or {})}
    if isinstance(value, Mapping):
        return cast("Mapping[Any, object]", value)
    return dict(enumerate(cast("Sequence[object]", value)))


def _equal(given: object, read: object) -> bool:
    """Return whether two values that are no containers are equal."""
    try:
        if isinstance(given, datetime) and isinstance(read, datetime) and given.tzinfo:
            return _since_1970(given) == _since_1970(read)
        if given == read:
            return True
        without_equality = type(given) is type(read) and type(given).__eq__ is object.__eq__
        return without_equality and to_json(vars(given)) == to_json(vars(read))
    except Exception:  # of a comparison that the model's author wrote, or of values without JSON
        return False


def _since_1970(moment: datetime) -> timedelta:
    """Return the time since 1970 in UTC.

    Comparing datetimes is not enough: those of one zone are equal if their clocks show the same,
    also in an hour that the zone repeats, and then those of two zones are never equal.
    """
    offset = cast("timedelta", moment.utcoffset())
    return moment.replace(tzinfo=None, fold=0) - datetime(1970, 1, 1) - offset
