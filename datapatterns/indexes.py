"""Indexes of a repository: which entries a document has, and the bytes that order them.

An entry is the packed values of the indexed fields, in the order of `tuples.collate`, followed by
the packed id. Stores that keep keys in byte order need nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

from datapatterns import tuples
from datapatterns.documents import field_value
from datapatterns.errors import InvalidArgument
from datapatterns.names import check_name


class Index:
    """An ordering of a collection by one or more fields, optionally unique, optionally partial.

    `fields` are stored names; `a.b` reaches into an object. A document that lacks one of them, or
    that `where` refuses (it is given the stored fields), is not in the index. Nulls come first,
    then false, true, numbers by value, strings, arrays and objects.
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
        if len(prefix) > len(self.fields):
            raise InvalidArgument(f"the index has {len(self.fields)} fields, not {len(prefix)}")
        if len(prefix) == len(self.fields) and not (start is None and end is None):
            raise InvalidArgument("no field is left for start and end behind this prefix")
        within = pack_values(prefix)
        first = within if start is None else within + self._bound(prefix, start)
        last = within if end is None else within + self._bound(prefix, end)
        if not descending:
            return first, last + tuples.AFTER if end is None else last
        # Read downwards: the start is the upper end and included, the end is the lower one.
        return last if end is None else last + tuples.AFTER, first + tuples.AFTER

    def _bound(self, prefix: Sequence[Any], bound: Any) -> bytes:
        """A bound is one value, or a tuple of values for several fields."""
        values = cast("Sequence[Any]", bound) if isinstance(bound, tuple) else (bound,)
        if len(prefix) + len(values) > len(self.fields):
            raise InvalidArgument(f"the index has only {len(self.fields)} fields")
        return pack_values(values)


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


def by_name(indexes: Iterable[Index]) -> dict[str, Index]:
    """The indexes by name; InvalidArgument if two share one."""
    named: dict[str, Index] = {}
    for index in indexes:
        if named.setdefault(index.name, index) is not index:
            raise InvalidArgument(f"two indexes are named {index.name!r}")
    return named
