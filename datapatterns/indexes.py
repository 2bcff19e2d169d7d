"""Indexes of a repository: which entries a document has, and the bytes that order them.

An entry is the packed values of the indexed fields, in the order of `tuples.collate`, followed by
the packed id. Stores that keep keys in byte order need nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, cast

from datapatterns import tuples
from datapatterns.checks import check_name
from datapatterns.documents import Document, field_value, stored_names, utc_text
from datapatterns.errors import InvalidArgument


class Index:
    """An ordering of a collection by one or more fields, optionally unique, optionally partial.

    `fields` are stored names, a field's alias if it has one; `a.b` reaches into an object. A
    document that lacks one of them, or that `where` refuses (it is given the stored fields), is not
    in the index. Nulls come first, then false, true, numbers by value, strings, arrays and objects.

    The first part of each must be a field of the repository's model, or anything where the model
    has `extra="allow"`: so an index may order by what only other programs store.

    Moments are strings there: declare them as `UtcDatetime`, whose text is in the order of time,
    which that of a plain `datetime` is not. A query's values may be aware datetimes, which mean
    that text, and dates.
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
            raise InvalidArgument("an index needs at least one field")
        self.fields = tuple(check_name("an indexed field", field) for field in fields)
        self.unique = unique
        self.where = where

    def __repr__(self) -> str:
        return f"Index({self.name!r}, {', '.join(map(repr, self.fields))}, unique={self.unique})"

    def values(self, fields: Mapping[str, Any]) -> bytes | None:
        """The packed values a document is found by, or None if it is not in the index."""
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
        """The entries from one key up to but not another: `start` is in, `end` is out."""
        self._check_count(len(prefix))
        if len(prefix) == len(self.fields) and not (start is None and end is None):
            raise InvalidArgument(
                f"the index {self.name!r} has no field left for start and end behind this prefix"
            )
        within = pack_values(as_stored(value) for value in prefix)
        first = within if start is None else within + self._bound(prefix, start)
        last = within if end is None else within + self._bound(prefix, end)
        if not descending:
            return first, last + tuples.AFTER if end is None else last
        # Read downwards: the start is the upper end and included, the end is the lower one.
        return last if end is None else last + tuples.AFTER, first + tuples.AFTER

    def _bound(self, prefix: Sequence[Any], bound: Any) -> bytes:
        """A bound is one value, or a tuple of values for several fields."""
        values = cast("Sequence[Any]", bound) if isinstance(bound, tuple) else (bound,)
        self._check_count(len(prefix) + len(values))
        return pack_values(as_stored(value) for value in values)

    def _check_count(self, given: int) -> None:
        """InvalidArgument for more values than the index has fields."""
        if given > (count := len(self.fields)):
            fields = f"{count} field{'s' if count > 1 else ''} ({', '.join(self.fields)})"
            raise InvalidArgument(f"the index {self.name!r} has {fields}, not {given}")


def as_stored(value: Any) -> Any:
    """What a query's value is in documents: InvalidArgument for a datetime without a time zone."""
    if isinstance(value, datetime):
        try:
            return utc_text(value)
        except ValueError as error:
            raise InvalidArgument(f"an index cannot be asked so: {error}") from None
    return value.isoformat() if isinstance(value, date) else value


def pack_values(values: Iterable[Any]) -> bytes:
    """The bytes that order these JSON values; no packed value is the beginning of another."""
    return b"".join([tuples.pack_collated(value) for value in values])


def entry(values: bytes, id: str) -> bytes:
    """The key of an index entry."""
    return values + pack_id(id)


def pack_id(id: str) -> bytes:
    """What stands behind the values in an entry's key."""
    return tuples.pack((id,))


def entry_id(key: bytes) -> str:
    """The id at the end of an entry's key."""
    return tuples.unpack(key)[-1]


def by_name(indexes: Iterable[Index], model: type[Document]) -> dict[str, Index]:
    """The indexes by name; InvalidArgument if two share one, or the model lacks a field."""
    if not isinstance(indexes, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        raise InvalidArgument(f"indexes is a list of Index, not {type(indexes).__name__}")
    named: dict[str, Index] = {}
    for index in indexes:
        if not isinstance(index, Index):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
            raise InvalidArgument(f"an index is an Index, not {type(index).__name__}")
        if named.setdefault(index.name, index) is not index:
            raise InvalidArgument(f"two indexes are named {index.name!r}")
        _check_fields(index, model)
    return named


def _check_fields(index: Index, model: type[Document]) -> None:
    """InvalidArgument if no document of the model could be in the index."""
    stored = stored_names(model)
    for field in index.fields:
        if stored is not None and field.partition(".")[0] not in stored:
            raise InvalidArgument(
                f"{model.__name__} has no field {field} for the index {index.name!r};"
                f" what it stores is {', '.join(sorted(stored)) or 'nothing'}"
            )


def declared(indexes: Mapping[str, Index], name: object) -> Index:
    """The index of that name; InvalidArgument, naming those there are, if there is none."""
    index = indexes.get(check_name("an index's name", name))
    if index is None:
        there_are = f"only {', '.join(map(repr, indexes))}" if indexes else "none is declared"
        raise InvalidArgument(f"there is no index {name!r}, {there_are}")
    return index
