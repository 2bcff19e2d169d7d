"""An `Index` as a view: its map function, its name in the database, and the keys of its rows.

A row's key is an array with one element for each field, and that element is the value in an array
of its own: `[[city], [age]]`. So `[[city], {}]` comes after every key that begins with that city,
whatever the other values are, because an object comes after every array.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, cast

from datapatterns import indexes as plain
from datapatterns.capabilities import BACKENDS
from datapatterns.couch.designs import DesignDocument, View
from datapatterns.couch.paging import ABSENT, Range
from datapatterns.documents import Document
from datapatterns.errors import InvalidArgument, Unsupported
from datapatterns.indexes import Index
from datapatterns.names import escape

VIEW = "index"

# Paths are data in it: nothing of a field's name is ever read as JavaScript. What JavaScript has
# in every object, such as `constructor`, is no field.
_MAP = """\
function (doc) {
  var paths = %s, key = [], i, j, value;
  for (i = 0; i < paths.length; i += 1) {
    value = doc;
    for (j = 0; j < paths[i].length; j += 1) {
      if (value === null || typeof value !== "object" || Array.isArray(value) ||
          !Object.prototype.hasOwnProperty.call(value, paths[i][j])) { return; }
      value = value[paths[i][j]];
    }
    key.push([value]);
  }
  emit(key, null);
}"""
_LARGEST = 2**53  # of JavaScript's whole numbers that are exact


def by_name(indexes: Iterable[Index], model: type[Document]) -> dict[str, Index]:
    """The indexes by name; Unsupported for what no view can do."""
    named = plain.by_name(indexes, model)
    for index in named.values():
        if index.unique:
            able = [name for name, has in BACKENDS.items() if has.unique_index]
            message = "CouchDB keeps nothing unique but ids"
            raise Unsupported(message, data={"backends": able})
        if index.where is not None:
            able = [name for name, has in BACKENDS.items() if has.partial_index]
            message = "the condition of an index is Python, which CouchDB cannot run"
            raise Unsupported(message, data={"backends": able})
    return named


def map_function(index: Index) -> str:
    """The JavaScript that finds the documents' keys."""
    paths = [field.split(".") for field in index.fields]
    return _MAP % json.dumps(paths)  # ASCII only: some line ends of Unicode end a string literal


def design_name(index: Index) -> str:
    """The name of the index's design document: with other fields it is another index.

    So that programs which declare it differently, as while a new version is rolled out, do not
    undo each other's work.
    """
    digest = blake2b(map_function(index).encode(), digest_size=4).hexdigest()
    return f"index.{escape(index.name)}.{digest}"


def design_of(index: Index, *, partitioned: bool) -> DesignDocument:
    """The design document with the index's view."""
    views = {VIEW: View(map_function(index), "_count")}
    return DesignDocument(
        design_name(index), views, options={"partitioned": False} if partitioned else {}
    )


def key_range(
    index: Index, prefix: Sequence[Any], start: Any, end: Any, *, descending: bool
) -> Range:
    """The keys to read: `start` is in, `end` is out; InvalidArgument for what makes no sense."""
    index.bounds(prefix, start, end, descending=descending)  # the same rules everywhere
    within = _wrapped(prefix)
    first = within if start is None else within + _wrapped(_values(start))
    last = within if end is None else within + _wrapped(_values(end))
    if descending:
        # Downwards: from behind all that begins with the start, to what begins with the end.
        upper, lower = _behind(first), last if end is None else _behind(last)
        return Range(upper, lower or ABSENT, descending=True, inclusive_end=True)
    upper = _behind(last) if end is None else last
    return Range(first or ABSENT, upper, inclusive_end=end is None)


def _behind(key: list[Any]) -> Any:
    return [*key, {}] if key else ABSENT


def counted(rows: Iterable[Mapping[str, Any]], depth: int) -> dict[Any, int]:
    """The numbers by value, or by several values, of rows grouped by that many fields."""
    found: dict[Any, int] = {}
    for row in rows:
        values = tuple(_hashable(wrapped[0]) for wrapped in row["key"])
        value = values[0] if depth == 1 else values
        found[value] = found.get(value, 0) + int(row["value"])
    return found


def _values(bound: Any) -> Sequence[Any]:
    return cast("Sequence[Any]", bound) if isinstance(bound, tuple) else (bound,)


def _wrapped(values: Iterable[Any]) -> list[Any]:
    return [[_as_double(plain.as_stored(value))] for value in values]


def _as_double(value: Any) -> Any:
    """The value as JavaScript has it, so that it meets the keys that were made there."""
    if isinstance(value, int) and abs(value) > _LARGEST:
        try:
            return float(value)
        except OverflowError:
            raise InvalidArgument("CouchDB indexes no numbers beyond a double's") from None
    if isinstance(value, list | tuple):
        return [_as_double(item) for item in cast("Sequence[Any]", value)]
    if isinstance(value, Mapping):
        members = cast("Mapping[str, Any]", value)
        return {name: _as_double(item) for name, item in members.items()}
    return value


def _hashable(value: Any) -> Any:
    """A key of a dict for a JSON value: arrays as tuples, objects as tuples of pairs."""
    if isinstance(value, Mapping):
        members = cast("Mapping[str, Any]", value)
        return tuple(sorted((name, _hashable(item)) for name, item in members.items()))
    if isinstance(value, list | tuple):
        return tuple(_hashable(item) for item in cast("Sequence[Any]", value))
    return value
