"""Documents as hashes of Redis: what is computed before a command is sent and after its reply.

The hash of a document has a field for each field of the document, which holds JSON, and two fields
of this library: `_rev`, the revision, and `_entries`, the document's index entries, which only the
scripts read.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from secrets import token_hex
from typing import Any, Generic, TypeVar, cast

from datapatterns.core import tuples
from datapatterns.core.codecs import dumps, loads
from datapatterns.core.documents import (
    Document,
    Schema,
    absent,
    document_id,
    id_to_replace,
    load,
    revise,
    stale,
)
from datapatterns.core.indexes import Index
from datapatterns.errors import (
    Conflict,
    DataCorrupted,
    DataError,
    DecodeFailed,
    HookFailed,
    InvalidArgument,
    InvalidData,
)

D = TypeVar("D", bound=Document)

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
    """Return the document's fields; a value that is not JSON, from another program, is text."""
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
class Write(Generic[D]):
    """A write of one document, before it is sent."""

    mode: str  # "create", "replace" or "update"
    id: str
    expected: str  # the revision that must be stored, "" when a document is created
    fields: dict[str, Any]  # all fields of the document after the write
    sent: Raw  # the fields that have to be sent
    made: D  # the document to return
    before: Raw = field(default_factory=dict[bytes, bytes])  # what is stored before an update
    rev: str = field(default_factory=lambda: token_hex(8))

    @property
    def after(self) -> Raw:
        """Return the hash that is stored after the write."""
        kept = {} if self.mode == "replace" else self.before
        return {**kept, **self.sent, REVISION: self.rev.encode()}

    def done(self) -> D:
        """Return the document after the write, with its id and new revision."""
        self.made.id, self.made.rev = self.id, self.rev
        return self.made


def creation(schema: Schema[D], document: D) -> Write[D]:
    """Return the write that creates the document."""
    made, fields = schema.checked(document)
    return Write("create", document_id(document, schema.id_from), "", fields, encode(fields), made)


def replacement(schema: Schema[D], document: D) -> Write[D]:
    """Return the write that replaces the stored document of the revision that this one carries."""
    made, fields = schema.checked(document)
    id = id_to_replace(document, schema.id_from)
    expected = check_revision(document.rev)
    return Write("replace", id, expected, fields, encode(fields), made)


def change(
    schema: Schema[D], id: str, before: Raw | None, changes: Mapping[str, Any], rev: str | None
) -> Write[D]:
    """Return the write that changes some fields of the stored document `before`.

    Raise NotFound if nothing is stored, and Conflict if `rev` is not the stored revision.
    """
    if before is None:
        raise absent()
    expected = revision(before)
    if rev is not None and rev != expected:
        raise stale()
    old = parse(before)
    fields = revise(old, changes, schema.model, update_model=schema.update_model)
    # `revise` returns a value that was not changed as the same object. Such a field is not sent, so
    # that its stored bytes, perhaps of another program, stay as they are.
    sent = {name: v for name, v in fields.items() if name not in old or v is not old[name]}
    made = load(schema.model, id, expected, fields)
    return Write("update", id, expected, fields, encode(sent), made, before)


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


def values_of(index: Index, fields: Mapping[str, Any]) -> bytes:
    """Return the packed values of these fields in the index, empty if they are not in it."""
    try:
        return index.values(fields) or b""
    except DataError:
        raise
    except Exception as error:
        raise HookFailed(f"the condition of the index {index.name!r} raised") from error


def index_key(index: Index) -> bytes:
    """Return the name of the index in Redis, which differs when its fields or `unique` differ."""
    options = tuples.pack((*index.fields, index.unique))
    return tuples.pack((index.name, blake2b(options, digest_size=4).hexdigest()))


@dataclass(frozen=True, slots=True)
class IndexState:
    """The state of an index, which is stored as the text `token:complete:at`.

    The token is that of one declaration: an index that was forgotten and declared again has another
    one. `at` is the least id, in UTF-8, of the documents that are still to be indexed, or None when
    the index is not being filled. A complete index has an `at` while it is filled again.
    """

    token: str
    complete: bool = False
    at: bytes | None = b""

    @classmethod
    def of(cls, text: bytes) -> IndexState:
        """Return the state in the text; raise DataCorrupted if it is not one."""
        try:
            token, complete, at = text.decode().split(":")
            return cls(token, complete == "1", None if at == "-" else bytes.fromhex(at))
        except ValueError as error:
            raise DataCorrupted("the stored state of an index cannot be read") from error

    def __bytes__(self) -> bytes:
        at = "-" if self.at is None else self.at.hex()
        return f"{self.token}:{int(self.complete)}:{at}".encode()


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
