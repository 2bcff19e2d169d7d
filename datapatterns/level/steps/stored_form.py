"""A document as LevelDB stores it: a JSON object whose last member is the revision.

Other programs may store documents without one, and values that are no JSON objects.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from datapatterns.core.codecs import dumps, loads
from datapatterns.errors import DataCorrupted, DataError, InvalidData

REVISION = "_rev"
_TAIL = b'"_rev":"'  # before the number and `"}`, as `with_revision` ends what it returns
_MOST_DIGITS = 20  # of the number of a change
_LONGEST_TAIL = len(_TAIL) + _MOST_DIGITS + 2


class Unreadable(dict[str, Any]):
    """Stands for a stored document that is not a JSON object; it has the revision.

    Such a document has no index entries. It does not stop a write that removes it.
    """


def parse(data: bytes) -> dict[str, Any]:
    """Return the stored object of a document, with its revision."""
    fields = loads(data)
    if not isinstance(fields, dict):
        raise DataCorrupted("a stored document is not a JSON object")
    return cast("dict[str, Any]", fields)


def stored_fields(data: bytes) -> dict[str, Any]:
    """Return the stored object of a document; an Unreadable if it is not a JSON object."""
    try:
        return parse(data)
    except DataError:
        return Unreadable({REVISION: _revision_at_end(data) or "0"})


def revision(fields: Mapping[str, Any]) -> str:
    """Return the revision of stored fields, "0" for a document that another program wrote."""
    return str(fields.get(REVISION, "0"))


def revision_of(data: bytes) -> str:
    """Return the revision of a stored document, if possible without parsing it."""
    return _revision_at_end(data) or revision(stored_fields(data))


def _revision_at_end(data: bytes) -> str | None:
    """Return the revision at the end of the JSON, where the keeper puts it; else None.

    The quotation mark of its name follows no backslash, so it begins a name; and since the object
    around it ends with the data, that is the outermost one.
    """
    at = data.rfind(_TAIL, -_LONGEST_TAIL)
    if at < 1 or data[at - 1] not in b",{" or not data.endswith(b'"}'):
        return None
    digits = data[at + len(_TAIL) : -2]
    return digits.decode() if digits.isdigit() else None


def is_number(revision: str) -> bool:
    """Return whether it is a revision that the keeper gave."""
    return len(revision) <= _MOST_DIGITS and revision.isdecimal() and revision.isascii()


def split(data: bytes) -> tuple[str, dict[str, Any]]:
    """Return the revision and the other fields of a stored document."""
    fields = parse(data)
    return str(fields.pop(REVISION, "0")), fields


def new_object(data: bytes) -> dict[str, Any]:
    """Return the JSON object; InvalidData for other data that was put into a collection by hand."""
    try:
        fields = loads(data)
    except DataError as error:
        raise InvalidData("a collection holds JSON objects") from error
    if not isinstance(fields, dict):
        raise InvalidData("a collection holds JSON objects")
    return cast("dict[str, Any]", fields)


def with_revision(data: bytes, fields: Mapping[str, Any], number: int) -> bytes:
    """Return the JSON object with its revision, inserted without encoding the rest if possible."""
    if REVISION in fields:
        return dumps({**fields, REVISION: str(number)})
    comma = b"," if fields else b""
    return b'%b%b"%b":"%d"}' % (data.rstrip()[:-1], comma, REVISION.encode(), number)
