"""An `Index` as a view: its map function, its design document, and the keys of its rows.

A row's key is an array with one element for each field; each element is an array that holds the
field's value: `[[city], [age]]`. An object sorts after every array, so `[[city], {}]` comes after
every key that begins with that city, whatever the other values are.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, cast

from datapatterns.capabilities import BACKENDS
from datapatterns.core.checks import escape
from datapatterns.core.counts import Counts
from datapatterns.core.documents import Document
from datapatterns.core.index_columns import Column
from datapatterns.core.indexes import Index, as_stored, by_name
from datapatterns.core.model_fields import MISSING
from datapatterns.core.tuples import MOST_LEVELS
from datapatterns.couch.database.designs import DesignDocument, View
from datapatterns.couch.database.paging import ABSENT, Range
from datapatterns.errors import InvalidArgument, InvalidData, Unsupported

VIEW = "index"

# For each field the steps to it: at each one the paths to try, and the default in an array, or null
# without one. They enter the function as JSON data and are never read as JavaScript; properties
# that every object has in JavaScript, such as `constructor`, are not fields. The functions follow
# `find` and `Index.values`, and leave out what these refuse. ECMAScript 5, without extensions.
_MAP = """\
function (doc) {
  var columns = %s, each = %s, levels = %d, key = [], seen = {}, found, elements, text, i;
  function isObject(value) {
    return value !== null && typeof value === "object" && !Array.isArray(value);
  }
  function at(value, path) {
    var i, part;
    for (i = 0; i < path.length; i += 1) {
      part = path[i];
      if (typeof part === "number") {
        if (!Array.isArray(value)) { return null; }
        part = part < 0 ? part + value.length : part;
        if (part < 0 || part >= value.length) { return null; }
      } else if (!isObject(value) || !Object.prototype.hasOwnProperty.call(value, part)) {
        return null;
      }
      value = value[part];
    }
    return [value];
  }
  function find(steps) {
    var value = [doc], i, j, next;
    for (i = 0; i < steps.length; i += 1) {
      if (!isObject(value[0])) { return null; }
      next = null;
      for (j = 0; j < steps[i][0].length && next === null; j += 1) {
        next = at(value[0], steps[i][0][j]);
      }
      value = next === null ? steps[i][1] : next;
      if (value === null) { return null; }
    }
    return value;
  }
  function holds(value, levels) {
    var name;
    if (levels === 0 || (typeof value === "number" && !isFinite(value))) { return false; }
    if (value !== null && typeof value === "object") {
      for (name in value) {
        if (Object.prototype.hasOwnProperty.call(value, name) &&
            !holds(value[name], levels - 1)) { return false; }
      }
    }
    return true;
  }
  for (i = 0; i < columns.length; i += 1) {
    found = find(columns[i]);
    if (found === null || (i !== each && !holds(found[0], levels))) { return; }
    key.push(found);
  }
  if (each === null) {
    emit(key, null);
    return;
  }
  elements = key[each][0];
  if (!Array.isArray(elements)) { return; }
  for (i = 0; i < elements.length; i += 1) {
    if (!holds(elements[i], levels)) { return; }
  }
  for (i = 0; i < elements.length; i += 1) {
    text = JSON.stringify([elements[i]]);
    if (!Object.prototype.hasOwnProperty.call(seen, text)) {
      seen[text] = true;
      key = key.slice(0); // the server keeps what was emitted until the function ends
      key[each] = [elements[i]];
      emit(key, null);
    }
  }
}"""
_LARGEST = 2**53  # JavaScript's whole numbers are exact up to it


def view_indexes(indexes: Iterable[Index], model: type[Document]) -> dict[str, Index]:
    """Return the indexes by name; raise Unsupported for an index that no view can provide."""
    named = by_name(indexes, model)
    for index in named.values():
        if index.unique:
            able = [name for name, has in BACKENDS.items() if has.unique_index]
            message = "CouchDB has no unique indexes; only ids are unique"
            raise Unsupported(message, data={"backends": able})
        if index.where is not None:
            able = [name for name, has in BACKENDS.items() if has.partial_index]
            message = "CouchDB cannot run the condition of an index, which is a Python function"
            raise Unsupported(message, data={"backends": able})
    return named


def map_function(index: Index) -> str:
    """Return the JavaScript that emits a document's keys."""
    columns = [_steps(column) for column in index.columns]
    # ASCII only: some line ends of Unicode end a string literal.
    return _MAP % (json.dumps(columns), json.dumps(index.each), MOST_LEVELS)


def _steps(column: Column) -> list[Any]:
    """Return the steps to a field as the map function reads them."""
    steps: list[Any] = []
    for step in column:
        # Members of a stored document that begin with an underscore are no fields.
        paths = [path for path in step.sources if steps or not str(path[0]).startswith("_")]
        steps.append([paths, None if step.default is MISSING else [step.default]])
    return steps


def design_name(index: Index) -> str:
    """Return the name of the index's design document, which holds a digest of its map function.

    Two programs may declare an index of one name with different fields, aliases or defaults, as
    happens while a new version is rolled out. They then use two design documents and do not
    overwrite each other's.
    """
    digest = blake2b(map_function(index).encode(), digest_size=4).hexdigest()
    return f"index.{escape(index.name)}.{digest}"


def design_of(index: Index, *, partitioned: bool) -> DesignDocument:
    """Return the design document with the index's view."""
    views = {VIEW: View(map_function(index), "_count")}
    return DesignDocument(
        design_name(index), views, options={"partitioned": False} if partitioned else {}
    )


def check_held(
    indexes: Iterable[Index],
    id: str,
    fields: Mapping[str, Any],
    before: Mapping[str, Any] | None = None,
) -> None:
    """Raise InvalidData for a field that is to be stored and that one of the indexes cannot hold.

    Where the index cannot hold the fields stored `before` either, only log that it leaves out the
    document.
    """
    for index in indexes:
        try:
            index.values(fields)
        except InvalidData:
            if before is None or _holds(index, before):
                raise
            index.stored_values(id, fields)


def _holds(index: Index, fields: Mapping[str, Any]) -> bool:
    try:
        index.values(fields)
    except InvalidData:
        return False
    return True


def key_range(
    index: Index, prefix: Sequence[Any], start: Any, end: Any, *, descending: bool
) -> Range:
    """Return the range of keys to read, `start` included and `end` excluded.

    Raise InvalidArgument for bounds that do not fit the index.
    """
    index.bounds(prefix, start, end, descending=descending)  # the rules that all backends share
    within = _wrapped(prefix)
    first = within if start is None else within + _wrapped(_values(start))
    last = within if end is None else within + _wrapped(_values(end))
    if descending:
        # Downwards: from behind all keys that begin with `start`, to behind those of `end`.
        upper, lower = _behind(first), last if end is None else _behind(last)
        return Range(upper, lower or ABSENT, descending=True, inclusive_end=True)
    upper = _behind(last) if end is None else last
    return Range(first or ABSENT, upper, inclusive_end=end is None)


def _behind(key: list[Any]) -> Any:
    """Return the key behind all keys that begin with `key`, ABSENT for the end of the index."""
    return [*key, {}] if key else ABSENT


def counted(rows: Iterable[Mapping[str, Any]], depth: int) -> Counts:
    """Return the counts of rows that are grouped by `depth` fields, by value or tuple of values."""
    found = Counts()
    for row in rows:
        values = tuple(_hashable(wrapped[0]) for wrapped in row["key"])
        found.add(values[0] if depth == 1 else values, int(row["value"]))
    return found


def _values(bound: Any) -> Sequence[Any]:
    """Return a bound's values: those of a tuple, or the single one."""
    return cast("Sequence[Any]", bound) if isinstance(bound, tuple) else (bound,)


def _wrapped(values: Iterable[Any]) -> list[Any]:
    """Return the values as elements of a row's key."""
    return [[_as_double(as_stored(value))] for value in values]


def _as_double(value: Any) -> Any:
    """Return the value with the precision of JavaScript's numbers, which the emitted keys have."""
    if isinstance(value, int) and abs(value) > _LARGEST:
        try:
            return float(value)
        except OverflowError:
            raise InvalidArgument(
                "CouchDB cannot index a number beyond the range of a double"
            ) from None
    if isinstance(value, list | tuple):
        return [_as_double(item) for item in cast("Sequence[Any]", value)]
    if isinstance(value, Mapping):
        members = cast("Mapping[str, Any]", value)
        return {name: _as_double(item) for name, item in members.items()}
    return value


def _hashable(value: Any) -> Any:
    """Return a JSON value as a key for a dict: arrays as tuples, objects as tuples of pairs."""
    if isinstance(value, Mapping):
        members = cast("Mapping[str, Any]", value)
        return tuple(sorted((name, _hashable(item)) for name, item in members.items()))
    if isinstance(value, list | tuple):
        return tuple(_hashable(item) for item in cast("Sequence[Any]", value))
    return value
