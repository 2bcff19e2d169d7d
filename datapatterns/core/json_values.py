"""Values of any type as JSON: the items of queues without a model, and the payloads of emitters.

They are read as JSON values, so `dumps` says how a value of another type is written. Models within
them are written so that their class can read them again, and what nobody could read from the JSON,
such as a masked secret, is refused with its place.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import lru_cache
from typing import Any, cast

from pydantic import BaseModel, Secret, SecretBytes, SecretStr
from pydantic_core import to_jsonable_python

from datapatterns.core.codecs import dumps, loads
from datapatterns.core.model_json import Location, ModelJson
from datapatterns.errors import FieldError, InvalidArgument, InvalidData

_PLAIN = frozenset({str, int, bool, type(None)})
_DEEPEST = 200  # levels, as of `dumps`
_MODELS = 256  # classes whose serializers are kept


def write_value(value: object) -> bytes:
    """Return the value as JSON.

    Raise InvalidData naming the place of a number that is not finite, of a secret, of keys that
    are equal in JSON, or of a model's field that would be read as another value; InvalidArgument
    for anything else that JSON cannot hold.
    """
    if isinstance(value, BaseModel):
        return _model_json(value)
    if is_json(value):
        return dumps(value)
    problems: list[FieldError] = []
    shown = _shown(value, (), problems)
    if problems:
        places = ", ".join(".".join(map(str, found["loc"])) or "the value" for found in problems)
        raise InvalidData(f"{places}: {problems[0]['msg']}", errors=problems)
    return dumps(shown)


def is_json(value: object, levels: int = _DEEPEST) -> bool:
    """Return whether the value has only JSON's own types, and texts as keys."""
    kind = type(value)
    if kind is dict:
        members = cast("dict[object, object]", value)
        for key in members:  # loops, since all() with a generator takes twice as long
            if type(key) is not str:
                return False
        inner: Iterable[object] = members.values()
    elif kind is list:
        inner = cast("list[object]", value)
    else:
        return kind in _PLAIN or (kind is float and math.isfinite(cast("float", value)))
    if not levels:
        return False
    for item in inner:  # noqa: SIM110 - as above
        if type(item) not in _PLAIN and not is_json(item, levels - 1):
            return False
    return True


def _model_json(value: BaseModel) -> bytes:
    """Return the model's JSON; raise InvalidData unless its class would read an equal one."""
    writer = _writer_of(type(value))
    data = writer.write(value)
    writer.check_kept(value, data, writer.read(data))
    return data


@lru_cache(maxsize=_MODELS)
def _writer_of(model: type[BaseModel]) -> ModelJson[BaseModel]:
    """Return the writer of a class.

    It writes the computed fields, too, if the class ignores members that it does not know.
    """
    found = model.__pydantic_decorators__
    shaped = bool(found.model_serializers) or model.__pydantic_root_model__
    strict = any(one.info.mode != "after" for one in found.model_validators.values())
    ignores = model.model_config.get("extra") in (None, "ignore")
    return ModelJson(model, computed=ignores and not shaped and not strict)


def _shown(value: object, place: Location, problems: list[FieldError]) -> Any:
    """Return the value with its models as JSON values, and add the problems within it."""
    if len(place) > _DEEPEST:
        raise InvalidArgument(f"JSON may have {_DEEPEST} levels at most")
    if isinstance(value, BaseModel):
        try:
            return loads(_model_json(value))
        except InvalidData as error:
            inner = error.errors or [_problem((), str(error), "not_json")]
            problems += [
                _problem((*place, *found["loc"]), found["msg"], found["type"]) for found in inner
            ]
    elif isinstance(value, Mapping):
        return _shown_members(cast("Mapping[object, object]", value), place, problems)
    elif isinstance(value, list | tuple | deque):
        items = cast("Sequence[object]", value)
        return [_shown(item, (*place, number), problems) for number, item in enumerate(items)]
    elif isinstance(value, float) and not math.isfinite(value):
        problems.append(_problem(place, "must be a finite number", "finite_number"))
    elif isinstance(value, SecretStr | SecretBytes | Secret):
        message = "a secret is written as asterisks; give its value, or only a hash of it"
        problems.append(_problem(place, message, "not_kept"))
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            _shown(getattr(value, field.name, None), (*place, field.name), problems)
    return value  # pyright: ignore[reportUnknownVariableType] - narrowed to Secret[Unknown]


def _shown_members(
    value: Mapping[object, object], place: Location, problems: list[FieldError]
) -> dict[object, Any]:
    others = [key for key in value if type(key) is not str]
    for key in others:
        _shown(key, place, problems)
    shown = {key: _shown(item, (*place, str(key)), problems) for key, item in value.items()}
    if others and not problems and len(to_jsonable_python(dict.fromkeys(value))) < len(value):
        problems.append(_problem(place, "has keys that are equal in JSON", "not_kept"))
    return shown


def _problem(place: Location, message: str, type: str) -> FieldError:
    return FieldError(loc=place, msg=message, type=type)
