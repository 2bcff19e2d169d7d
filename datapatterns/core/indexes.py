"""Indexes of a repository: the entry of a document in an index, and the bytes that order it.

An entry is the packed values of the indexed fields, in the order of `tuples.collate`, followed by
the packed id. A store that keeps its keys in byte order can store it as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, cast

from datapatterns.core import tuples
from datapatterns.core.checks import check_flag, check_name
from datapatterns.core.documents import Document, field_value, stored_names, utc_text
from datapatterns.errors import InvalidArgument


class Index:
    """An ordering of a collection by one or more fields, optionally unique, optionally partial.

    `fields` are stored names: the alias of a field if it has one. `a.b` is a member of an object. A
    document without one of the fields is not in the index, nor is one for which `where`, a function
    of the stored fields, returns false. The order is null, false, true, numbers by value, strings,
    arrays, objects.

    The first part of a name must be a field of the repository's model, unless the model has
    `extra="allow"`: then an index may order by fields that only other programs store.

    Datetimes are stored as text. Declare them as `UtcDatetime`, whose texts sort in the order of
    time; those of a plain `datetime` do not. The values of a query may be aware datetimes, which
    stand for that text, and dates.
    """

    def __init__(
        self,
        name: str,
        *fields: str,
        unique: bool = False,
        where: Callable[[Mapping[str, Any]], bool] | None = None,
    ) -> None:
        self.name = check_name("an index's name", name)
        if not fields:
            raise InvalidArgument("an index must have at least one field")
        self.fields = tuple(check_name("an indexed field", field) for field in fields)
        if where is not None and not callable(where):  # pyright: ignore[reportUnnecessaryComparison] - callers may be untyped
            raise InvalidArgument("where must be a function of the stored fields")
        self.unique = check_flag("unique", unique)
        self.where = where

    def __repr__(self) -> str:
        return f"Index({self.name!r}, {', '.join(map(repr, self.fields))}, unique={self.unique})"

    def values(self, fields: Mapping[str, Any]) -> bytes | None:
        """Return the packed values of a document, or None if it is not in the index."""
        found: list[Any] = []
        for path in self.fields:
            present, value = field_value(fields, path)
            if not present:
                return None
            found.append(value)
        if self.where is not None and not self.where(fields):
            return None
        return pack_values(found)

    def bounds(
        self, prefix: Sequence[Any], start: Any, end: Any, *, descending: bool
    ) -> tuple[bytes, bytes]:
        """Return the least key of a range and the first key after it; `end` itself is excluded."""
        self._check_count(len(prefix))
        if len(prefix) == len(self.fields) and not (start is None and end is None):
            raise InvalidArgument(
                f"the prefix covers all fields of the index {self.name!r}: omit start and end"
            )
        within = pack_values(as_stored(value) for value in prefix)
        first = within if start is None else within + self._bound(prefix, start)
        last = within if end is None else within + self._bound(prefix, end)
        if not descending:
            return first, last + tuples.AFTER if end is None else last
        # Descending: `start` is the upper bound and included, `end` is the lower one and excluded.
        return last if end is None else last + tuples.AFTER, first + tuples.AFTER

    def _bound(self, prefix: Sequence[Any], bound: Any) -> bytes:
        """Return the packed bound: one value, or a tuple of values for several fields."""
        values = cast("Sequence[Any]", bound) if isinstance(bound, tuple) else (bound,)
        self._check_count(len(prefix) + len(values))
        return pack_values(as_stored(value) for value in values)

    def _check_count(self, given: int) -> None:
        """Raise InvalidArgument if there are more values than the index has fields."""
        if given > (count := len(self.fields)):
            fields = f"{count} field{'s' if count > 1 else ''} ({', '.join(self.fields)})"
            raise InvalidArgument(f"the index {self.name!r} has {fields}, but {given} were given")


def as_stored(value: Any) -> Any:
    """Return a query's value as documents store it; raise InvalidArgument for a naive datetime."""
    if isinstance(value, datetime):
        try:
            return utc_text(value)
        except ValueError as error:
            raise InvalidArgument(f"a value of the query is not valid: {error}") from None
    return value.isoformat() if isinstance(value, date) else value


def pack_values(values: Iterable[Any]) -> bytes:
    """Return the bytes that order these JSON values; none is the beginning of another's bytes."""
    return b"".join([tuples.pack_collated(value) for value in values])


def entry(values: bytes, id: str) -> bytes:
    """Return the key of an index entry."""
    return values + pack_id(id)


def pack_id(id: str) -> bytes:
    """Return the part of an entry's key that follows the values."""
    return tuples.pack((id,))


def entry_id(key: bytes) -> str:
    """Return the id at the end of an entry's key."""
    return tuples.unpack(key)[-1]


def by_name(indexes: Iterable[Index], model: type[Document]) -> dict[str, Index]:
    """Return the indexes by name; raise InvalidArgument for a repeated name or unknown field."""
    if isinstance(indexes, str) or not isinstance(indexes, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        raise InvalidArgument(f"indexes must be a list of Index, not {type(indexes).__name__}")
    named: dict[str, Index] = {}
    for index in indexes:
        if not isinstance(index, Index):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
            raise InvalidArgument(f"indexes must be a list of Index, not of {type(index).__name__}")
        if named.setdefault(index.name, index) is not index:
            raise InvalidArgument(f"two indexes are named {index.name!r}")
        _check_fields(index, model)
    return named


def _check_fields(index: Index, model: type[Document]) -> None:
    """Raise InvalidArgument if the model has no such field, so that no document has it."""
    stored = stored_names(model)
    for field in index.fields:
        if stored is not None and field.partition(".")[0] not in stored:
            raise InvalidArgument(
                f"{model.__name__} has no field {field} for the index {index.name!r};"
                f" its stored fields are {', '.join(sorted(stored)) or 'none'}"
            )


def declared(indexes: Mapping[str, Index], name: object) -> Index:
    """Return the index of that name; raise InvalidArgument, with the known names, if unknown."""
    index = indexes.get(check_name("an index's name", name))
    if index is None:
        known = ", ".join(map(repr, indexes)) or "none"
        raise InvalidArgument(f"there is no index {name!r}; declared are: {known}")
    return index
