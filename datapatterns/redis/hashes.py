"""Documents as hashes of Redis: what is computed before a command is sent and after its reply.

The hash of a document has a field for each field of the document, which holds JSON, and two fields
of this library: `_rev`, the revision, and `_entries`, the document's index entries, which only the
scripts read.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any, Generic, TypeVar, cast

from datapatterns.core.codecs import dumps, loads
from datapatterns.core.documents import Document, absent, give_identity, stale
from datapatterns.core.indexes import Index
from datapatterns.core.revisions import Revise
from datapatterns.core.schema import Written
from datapatterns.core.schema_versions import SCHEMA_VERSION
from datapatterns.errors import (
    Conflict,
    DataError,
    DecodeFailed,
    InvalidArgument,
    InvalidData,
)

D = TypeVar("D", bound=Document)
R = TypeVar("R")

Raw = dict[bytes, bytes]  # the fields of a hash as the server stores them

REVISION, ENTRIES = b"_rev", b"_entries"
_RESERVED = frozenset({"_rev", "_entries"})
_LARGE = 16_384  # bytes of a document: a thousand documents of that size take 16 MB


def raw_of(reply: Any) -> Raw | None:
    """Return the hash in a reply (a map, or names and values in turn), or None if it is empty."""
    if isinstance(reply, Mapping):
        return dict(cast("Raw", reply)) or None
    values = iter(cast("Iterable[bytes]", reply))
    return dict(zip(values, values, strict=True)) or None


def revision(raw: Raw) -> str:
    """Return the revision of a hash, "0" if another program wrote it."""
    return raw.get(REVISION, b"0").decode("ascii", "replace")


def encode(fields: Mapping[str, Any]) -> Raw:
    """Return the fields as they are stored; raise InvalidData for a name that cannot be stored."""
    if not _RESERVED.isdisjoint(fields):
        raise InvalidData("the field names _rev and _entries belong to this library")
    try:
        return {name.encode(): dumps(value) for name, value in fields.items()}
    except UnicodeEncodeError as error:
        raise InvalidData("a field's name cannot be encoded as UTF-8") from error


def parse(raw: Raw) -> dict[str, Any]:
    """Return the document's fields.

    A value that is not JSON, or JSON that is nested too deeply to be read, is text: it is another
    program's.
    """
    fields: dict[str, Any] = {}
    for name, value in raw.items():
        if name in (REVISION, ENTRIES):
            continue
        try:
            fields[name.decode(errors="replace")] = loads(value)
        except DecodeFailed:
            fields[name.decode(errors="replace")] = value.decode(errors="replace")
    return fields


@dataclass(frozen=True, slots=True)
class Write(Generic[R]):
    """A write of one document, before it is sent."""

    mode: str  # "create", "replace" or "update"
    id: str
    expected: str  # the revision that must be stored, "" when a document is created
    fields: Mapping[str, Any]  # all fields of the document after the write
    sent: Raw  # the fields that have to be sent
    done: Callable[[str], R]  # returns, for the new revision, the document that is stored now
    before: Mapping[str, Any] | None = None  # all fields before the write, None if not known
    stored: Raw = field(default_factory=dict[bytes, bytes])  # the hash before an update
    removed: tuple[bytes, ...] = ()  # names of fields that an update removes
    version: int = 1  # the greatest schema version that `replace` may replace
    rev: str = field(default_factory=lambda: token_hex(8))

    @property
    def after(self) -> Raw:
        """Return the hash that is stored after the write."""
        kept = {name: value for name, value in self.stored.items() if name not in self.removed}
        return {**kept, **self.sent, REVISION: self.rev.encode()}

    def values(self, index: Index) -> list[bytes]:
        """Return the packed values of the document's entries in the index.

        Raise InvalidData if the index cannot hold them, unless it could not hold those before.
        """
        try:
            return index.values(self.fields)
        except DataError:
            if self.before is None or _holds(index, self.before):
                raise
            return index.stored_values(self.id, self.fields)


def _holds(index: Index, fields: Mapping[str, Any]) -> bool:
    try:
        index.values(fields)
    except DataError:
        return False
    return True


def creation(written: Written[D]) -> Write[D]:
    """Return the write that creates the document."""
    fields = written.fields
    return Write("create", written.id, "", fields, encode(fields), written.stored)


def replacement(written: Written[D], rev: str | None, version: int) -> Write[D]:
    """Return the write that replaces the stored document of this revision."""
    fields, expected = written.fields, check_revision(rev)
    return Write(
        "replace", written.id, expected, fields, encode(fields), written.stored, version=version
    )


def change(id: str, stored: Raw | None, revise: Revise[D], rev: str | None) -> Write[D] | None:
    """Return the write of what `revise` makes of the stored document, None if it makes nothing.

    Raise NotFound if nothing is stored, and Conflict if `rev` is not the stored revision.
    """
    if stored is None:
        raise absent()
    expected = revision(stored)
    if rev is not None and rev != expected:
        raise stale()
    before = parse(stored)
    revised = revise(id, expected, before)
    if revised is None:
        return None
    # `revise` returns a value that was not changed as the same object, or as a copy if it had to
    # upgrade the fields. Such a field is not sent, so that its stored bytes, perhaps of another
    # program, stay as they are.
    fields, document = revised.fields, revised.document
    copied = before.get(SCHEMA_VERSION) != fields.get(SCHEMA_VERSION)
    sent = {
        name: value
        for name, value in fields.items()
        if name not in before or not _same(value, before[name], copied=copied)
    }
    removed = tuple(name.encode() for name in before if name not in fields)

    def done(new: str) -> D:
        give_identity(document, id, new)
        return document

    return Write("update", id, expected, fields, encode(sent), done, before, stored, removed)


def _same(value: Any, before: Any, *, copied: bool) -> bool:
    return value is before or (copied and dumps(value) == dumps(before))


def check_revision(rev: object) -> str:
    """Return the revision unchanged; raise Conflict for a value that cannot be a revision."""
    if not isinstance(rev, str) or not rev or not rev.isascii():
        raise stale()
    return rev


class Overtaken(Conflict):
    """Raised when the revision is not the stored one; `stored` is what is stored instead."""

    def __init__(self, stored: Raw | None) -> None:
        super().__init__("the document has changed since it was read")
        self.stored = stored


class Newer(DecodeFailed):
    """Raised when a newer program has written what would be replaced; `fields` has its version."""

    def __init__(self, id: str, version: bytes) -> None:
        super().__init__(f"the stored document {id!r} has another schema version", data={"id": id})
        self.fields = parse({SCHEMA_VERSION.encode(): version})


class Remembered:
    """The stored form of the documents that a repository saw last; threads may share it."""

    def __init__(self, size: int) -> None:
        if isinstance(size, bool) or not isinstance(size, int) or size < 0:  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
            raise InvalidArgument("remember must be a whole number from 0 on")
        self._size = size
        self._known: dict[str, Raw] = {}
        self._lock = threading.Lock()

    def get(self, id: str) -> Raw | None:
        """Return the document as it was last seen, or None if it is not remembered."""
        return self._known.get(id)

    def put(self, id: str, raw: Raw | None) -> None:
        """Remember what is stored now, None if nothing is; do not remember a large document."""
        with self._lock:
            self._known.pop(id, None)
            if raw is None or not self._size or sum(map(len, raw.values())) > _LARGE:
                return
            if len(self._known) >= self._size:
                del self._known[next(iter(self._known))]
            self._known[id] = raw
