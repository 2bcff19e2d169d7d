"""Instances of a pydantic model as JSON, with the proof that reading gives back what was written.

Writing serializes an instance, validates the JSON again, and compares the result with the instance.
What would be read as another value, such as a masked secret, is refused with the name of its field.
Whatever code of the model raises counts as a failed validation.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar, cast

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
        self._own_equality = model.__eq__ is not BaseModel.__eq__

    def write(self, instance: M, names: Collection[str] | None = None) -> bytes:
        """Return the instance's JSON; raise InvalidData naming the fields that cannot be JSON.

        With `names`, return only the fields of these names and the computed ones, unless the model
        has a serializer of its own.
        """
        include = None if names is None or self.shaped else set(names)
        try:
            data = self._json(instance, include=include, exclude=self._apart, round_trip=True)
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
        if b"NaN" in data or b"Infinity" in data:
            self._check_finite(data)
        if not self._own_equality and given == read:
            return
        if type(given) is not type(read):
            message = (
                f"is a {type(given).__name__}, and would be read back as a {type(read).__name__}"
            )
            raise listed(self.model, [FieldError(loc=(), msg=message, type="not_kept")])
        if errors := [_not_kept(place) for place in differences(given, read)]:
            raise listed(self.model, errors)

    def _json(self, instance: M, **options: Any) -> bytes:
        # What does not fit the model is found by validation; a warning would print it.
        return self.model.__pydantic_serializer__.to_json(
            instance, by_alias=True, warnings=False, **options
        )

    def _check_finite(self, data: bytes) -> None:
        """Raise InvalidData for the numbers that JSON lacks: NaN, Infinity and -Infinity."""
        try:
            from_json(data, allow_inf_nan=False)
        except ValueError:
            errors = [
                FieldError(loc=place, msg="must be a finite number", type="finite_number")
                for place in not_finite(from_json(data))
            ]
            raise listed(self.model, errors) from None

    def _not_json(self, instance: M, error: Exception) -> InvalidData:
        """Return the error that names the fields which cannot be serialized."""
        errors: list[FieldError] = []
        for name in self.model.model_fields.keys() - (self._apart or ()):
            try:
                self._json(instance, include={name}, round_trip=True)
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


def differences(given: object, read: object, place: Location = ()) -> Iterator[Location]:
    """Yield the places where what was read is not equal to what was given.

    Private attributes of models do not count. Values of a class that defines no equality are
    compared by their JSON.
    """
    if isinstance(given, BaseModel) and isinstance(read, BaseModel) and type(given) is type(read):
        yield from _members(_values(given), _values(read), place)
    elif isinstance(given, Mapping) and isinstance(read, Mapping):
        yield from _members(
            cast("Mapping[Any, object]", given), cast("Mapping[Any, object]", read), place
        )
    elif isinstance(given, (list, tuple)) and type(given) is type(read):  # pyright: ignore[reportUnknownArgumentType] - of any items
        yield from _items(cast("Sequence[object]", given), cast("Sequence[object]", read), place)
    elif not _equal(given, read):  # pyright: ignore[reportUnknownArgumentType] - of any type
        yield place


def _values(model: BaseModel) -> dict[str, object]:
    """Return the model's fields and extra fields; its cached properties are none of them."""
    fields = {name: model.__dict__.get(name) for name in type(model).model_fields}
    return {**fields, **(model.__pydantic_extra__ or {})}


def _members(
    given: Mapping[Any, object], read: Mapping[Any, object], place: Location
) -> Iterator[Location]:
    for name in {**given, **read}:
        if name in given and name in read:
            yield from differences(given[name], read[name], (*place, name))
        else:
            yield (*place, name)


def _items(given: Sequence[object], read: Sequence[object], place: Location) -> Iterator[Location]:
    if len(given) != len(read):
        yield place
        return
    for number, (one, other) in enumerate(zip(given, read, strict=True)):
        yield from differences(one, other, (*place, number))


def _equal(given: object, read: object) -> bool:
    """Return whether two values that are no containers are equal."""
    try:
        if given == read:
            return True
        if isinstance(given, datetime) and isinstance(read, datetime) and given.tzinfo:
            # Two moments in an hour that a time zone repeats are never equal to one in another.
            return given.astimezone(UTC) == read.astimezone(UTC)
        without_equality = type(given) is type(read) and type(given).__eq__ is object.__eq__
        return without_equality and to_json(vars(given)) == to_json(vars(read))
    except Exception:  # of a comparison that the model's author wrote, or of values without JSON
        return False
