"""Numbers that CouchDB does not store as they are.

It answers a whole number beyond the range of a double with a 500 for the whole request, and rounds
some numbers that are nearer to 0 than the least double of full precision.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any, cast

from datapatterns.core.model_json import Location
from datapatterns.errors import FieldError, InvalidData

_MOST = int(sys.float_info.max)
_LEAST = sys.float_info.min
_DIGITS = len(str(_MOST))
_LONG = re.compile(rb"\d{%d}" % _DIGITS)


def has_odd_numbers(data: bytes) -> bool:
    """Return whether the JSON may have a number that `check_numbers` refuses."""
    return b"e-3" in data or (len(data) > _DIGITS and _LONG.search(data) is not None)


def check_numbers(fields: Mapping[str, Any]) -> None:
    """Raise InvalidData, naming the fields, for numbers that CouchDB does not store as they are."""
    message = f"CouchDB stores whole numbers up to {_MOST:.2g}, and none between 0 and {_LEAST:.2g}"
    errors = [FieldError(loc=place, msg=message, type="not_storable") for place in _odd(fields, ())]
    if errors:
        where = ", ".join(".".join(map(str, error["loc"])) for error in errors)
        raise InvalidData(f"{where}: {message}", errors=errors)


def _odd(value: object, place: Location) -> Iterator[Location]:
    """Yield the places of such numbers in a JSON value."""
    match value:
        case dict():
            for name, item in cast("dict[str, object]", value).items():
                yield from _odd(item, (*place, name))
        case list():
            for number, item in enumerate(cast("list[object]", value)):
                yield from _odd(item, (*place, number))
        case int() if abs(value) > _MOST:
            yield place
        case float() if 0 < abs(value) < _LEAST:
            yield place
        case _:
            pass
