"""Indexes of a repository: the entry of a document in an index, and the bytes that order it.

An entry is the packed values of the indexed fields, in the order of `tuples.collate`, followed by
the packed id. A store that keeps its keys in byte order can store it as it is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from datetime import date, datetime
from enum import Enum
from typing import Any, cast
from uuid import UUID

from pydantic_core import to_json
from typing_extensions import override

from datapatterns.core import tuples
from datapatterns.core.checks import INT32_MAX, check_count, check_flag, check_name
from datapatterns.core.documents import Document, utc_text
from datapatterns.core.index_columns import Column, column, column_of, find, first_name
from datapatterns.core.model_fields import MISSING, StoredField, stored_field
from datapatterns.errors import DataError, HookFailed, InvalidArgument, InvalidData

logger = logging.getLogger("datapatterns.indexes")

EXPIRY = "$expires"  # the name of the index by which documents expire


class Each:
    """A field that holds a list, for an index with an entry for each element of it."""

    def __init__(self, field: str) -> None:
        self.field = check_name("an indexed field", field)

    @override
    def __repr__(self) -> str:
        return f"Each({self.field!r})"


class Index:
    """An ordering of a collection by one or more fields, optionally unique, optionally partial.

    `fields` are stored names: the alias of a field if it has one. `a.b` is a member of an object,
    and `Each("tags")`, at most once in an index, gives one entry for each element of a list. The
    order is null, false, true, numbers by value, strings, arrays, objects.

    An index sees what a reader of the document sees: where a stored document lacks a field under
    its own name, the index takes the names of its validation alias in their order, then its default
    if that is not made by a function. A document without one of the fields is not in the index, nor
    is one for which `where`, a function of the fields as a reader sees them, under their stored
    names, returns false. Change `version` when you change what `where` does: the index is filled
    anew when it, or where the fields are found, has changed.

    The first part of a name must be a field of the repository's model, unless the model has
    `extra="allow"`: then an index may order by fields that only other programs store.

    Datetimes are stored as text. Declare them as `UtcDatetime`, whose texts sort in the order of
    time. A plain `datetime`, a `timedelta` and a `Decimal` are refused, since their texts do not
    sort by value. The values of a query may be aware datetimes, which stand for that text, dates,
    UUIDs and members of an Enum.
    """

    def __init__(
        self,
        name: str,
        *fields: str | Each,
        unique: bool = False,
        where: Callable[[Mapping[str, Any]], bool] | None = None,
        version: int = 1,
    ) -> None:
        self.name = check_name("an index's name", name)
        if not fields:
            raise InvalidArgument("an index must have at least one field")
        if sum(isinstance(field, Each) for field in fields) > 1:
            raise InvalidArgument("an index may have Each once")
        self.fields = tuple(
            field.field if isinstance(field, Each) else check_name("an indexed field", field)
            for field in fields
        )
        # The number of the field that Each names, None without one.
        self.each = next((n for n, field in enumerate(fields) if isinstance(field, Each)), None)
        if where is not None and not callable(where):  # pyright: ignore[reportUnnecessaryComparison] - callers may be untyped
            raise InvalidArgument("where must be a function of the stored fields")
        self.unique = check_flag("unique", unique)
        self.where = where
        self.version = check_count("version", version, most=INT32_MAX)
        # Where each field is found, and where all fields of the model are, for `where`.
        self.columns: tuple[Column, ...] = tuple(map(column, self.fields))
        self._ways = tuple((first_name(steps), steps) for steps in self.columns)
        self._shown: tuple[StoredField, ...] = ()

    @override
    def __repr__(self) -> str:
        return f"Index({self.name!r}, {', '.join(map(repr, self.fields))}, unique={self.unique})"

    def of_model(self, model: type[Document]) -> Index:
        """Return this index, with its fields found as the model finds them.

        Raise InvalidArgument for a field that the model does not have or that cannot be ordered.
        """
        bound = self.of_columns(
            column_of(model, self.name, field, each=number == self.each)
            for number, field in enumerate(self.fields)
        )
        if self.where is not None:
            bound._shown = tuple(stored_field(model, name) for name in model.model_fields)
        return bound

    def of_columns(self, columns: Iterable[Column]) -> Index:
        """Return this index, with its fields found by these columns."""
        bound = copy(self)
        bound.columns = tuple(columns)
        bound._ways = tuple((first_name(steps), steps) for steps in bound.columns)
        return bound

    def definition(self) -> str:
        """Return what the index holds as JSON text, which differs when its entries may differ."""
        columns = [
            [
                [list(map(list, step.sources)), None if step.default is MISSING else [step.default]]
                for step in steps
            ]
            for steps in self.columns
        ]
        condition = None if self.where is None else self.version
        return to_json([columns, self.each, self.unique, condition]).decode()

    def values(self, fields: Mapping[str, Any]) -> list[bytes]:
        """Return the packed values of a document's entries: none if it is not in the index.

        Raise HookFailed if `where` raises, InvalidData for a value that the index cannot hold.
        """
        found = [
            fields[name] if name is not None and name in fields else find(steps, fields)
            for name, steps in self._ways
        ]
        if MISSING in found or (self.where is not None and not self._admits(self.where, fields)):
            return []
        try:
            if self.each is None:
                return [pack_values(found) if len(found) > 1 else tuples.pack_collated(found[0])]
            return self._each(found)
        except InvalidArgument as error:
            where = ", ".join(self.fields)
            raise InvalidData.field(where, f"{error} {self.name!r}", "not_indexable") from error

    def _each(self, found: list[Any]) -> list[bytes]:
        """Return the packed values with each element of a list in the place of the list."""
        at = cast("int", self.each)
        if found[at] is None:
            return []
        if not isinstance(found[at], list):
            raise InvalidArgument(f"{self.fields[at]} must be a list for the index")
        elements: list[Any] = found[at]
        before, behind = pack_values(found[:at]), pack_values(found[at + 1 :])
        packed = [before + pack_values([element]) + behind for element in elements]
        return list(dict.fromkeys(packed))

    def _admits(
        self, where: Callable[[Mapping[str, Any]], bool], fields: Mapping[str, Any]
    ) -> bool:
        """Return whether the condition holds for the fields as a reader sees them."""
        shown = dict(fields)
        for field in self._shown:
            if (value := field.find(fields)) is not MISSING:
                shown[field.name] = value
        try:
            return bool(where(shown))
        except Exception as error:
            raise HookFailed(f"the condition of the index {self.name!r} raised") from error

    def stored_values(self, id: str, fields: Mapping[str, Any]) -> list[bytes]:
        """Return `values` for a document that is stored already.

        If the index cannot hold it, log that and return none: one document must not stop others.
        """
        try:
            return self.values(fields)
        except DataError as error:
            logger.warning("the index %r leaves out the document %r: %s", self.name, id, error)
            return []

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
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Enum):
        return as_stored(value.value)
    return str(value) if isinstance(value, UUID) else value


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
    """Return the indexes of the model by name.

    Raise InvalidArgument for a repeated name, and for a field that cannot be indexed.
    """
    if isinstance(indexes, str) or not isinstance(indexes, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        raise InvalidArgument(f"indexes must be a list of Index, not {type(indexes).__name__}")
    named: dict[str, Index] = {}
    for index in indexes:
        if not isinstance(index, Index):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
            raise InvalidArgument(f"indexes must be a list of Index, not of {type(index).__name__}")
        if index.name in named:
            raise InvalidArgument(f"two indexes are named {index.name!r}")
        if index.name == EXPIRY:
            raise InvalidArgument(f"the name {EXPIRY} belongs to the index of the option expires")
        named[index.name] = index.of_model(model)
    return named


def declared(indexes: Mapping[str, Index], name: object) -> Index:
    """Return the index of that name; raise InvalidArgument, with the known names, if unknown."""
    index = indexes.get(check_name("an index's name", name))
    if index is None:
        known = ", ".join(map(repr, indexes)) or "none"
        raise InvalidArgument(f"there is no index {name!r}; declared are: {known}")
    return index
