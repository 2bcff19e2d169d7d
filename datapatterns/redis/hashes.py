"""Documents as hashes: what is computed before and after the trip to the server.

A document is a hash with one field for each of its own, JSON in each, and two of ours: `_rev`, its
revision, and `_entries`, its entries in the indexes, which only the scripts read.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from secrets import token_hex
from typing import Any, Generic, TypeVar, cast

from datapatterns import tuples
from datapatterns.codecs import dumps, loads
from datapatterns.documents import (
    Document,
    Schema,
    absent,
    document_id,
    id_to_replace,
    load,
    revise,
    stale,
)
from datapatterns.errors import (
    Conflict,
    DataCorrupted,
    DataError,
    DecodeFailed,
    HookFailed,
    InvalidArgument,
    InvalidData,
)
from datapatterns.indexes import Index

D = TypeVar("D", bound=Document)

Raw = dict[bytes, bytes]  # a hash as the server has it

REVISION, ENTRIES = b"_rev", b"_entries"
_RESERVED = frozenset({"_rev", "_entries"})
_LARGE = 16_384  # bytes: a thousand such documents are 16 MB


def raw_of(reply: Any) -> Raw | None:
    """The hash in a reply, a map or an array of names and values; None if it is empty."""
    if isinstance(reply, Mapping):
        return dict(cast("Raw", reply)) or None
    values = iter(cast("Iterable[bytes]", reply))
    return dict(zip(values, values, strict=True)) or None


def revision(raw: Raw) -> str:
    """The revision of a hash; "0" for one that was written past this library."""
    return raw.get(REVISION, b"0").decode("ascii", "replace")


def encode(fields: Mapping[str, Any]) -> Raw:
    """The fields as they are stored."""
    if not _RESERVED.isdisjoint(fields):
        raise InvalidData("the field names _rev and _entries belong to this library")
    try:
        return {name.encode(): dumps(value) for name, value in fields.items()}
    except UnicodeEncodeError as error:
        raise InvalidData("a field's name cannot be encoded as UTF-8") from error


def parse(raw: Raw) -> dict[str, Any]:
    """The fields in a hash; a value that is not JSON is text that somebody else stored."""
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
    """A document on its way: how, over which revision, all of its fields, and those to be sent."""

    mode: str
    id: str
    expected: str
    fields: dict[str, Any]
    sent: Raw
    made: D
    before: Raw = field(default_factory=dict[bytes, bytes])
    rev: str = field(default_factory=lambda: token_hex(8))

    @property
    def after(self) -> Raw:
        """What is stored once it has gone through."""
        kept = {} if self.mode == "replace" else self.before
        return {**kept, **self.sent, REVISION: self.rev.encode()}

    def done(self) -> D:
        """The document as it is stored now."""
        self.made.id, self.made.rev = self.id, self.rev
        return self.made


def creation(schema: Schema[D], document: D) -> Write[D]:
    """The write of a new document."""
    made, fields = schema.checked(document)
    return Write("create", document_id(document, schema.id_from), "", fields, encode(fields), made)


def replacement(schema: Schema[D], document: D) -> Write[D]:
    """The write of a whole document over the revision it carries."""
    made, fields = schema.checked(document)
    id = id_to_replace(document, schema.id_from)
    expected = check_revision(document.rev)
    return Write("replace", id, expected, fields, encode(fields), made)


def change(
    schema: Schema[D], id: str, before: Raw | None, changes: Mapping[str, Any], rev: str | None
) -> Write[D]:
    """The write of some fields over what is stored; NotFound, or Conflict if `rev` is another."""
    if before is None:
        raise absent()
    expected = revision(before)
    if rev is not None and rev != expected:
        raise stale()
    old = parse(before)
    fields = revise(old, changes, schema.model, update_model=schema.update_model)
    # What was not named is the very same object: it is not sent, so that what others stored there
    # stays, byte for byte.
    sent = {name: v for name, v in fields.items() if name not in old or v is not old[name]}
    made = load(schema.model, id, expected, fields)
    return Write("update", id, expected, fields, encode(sent), made, before)


def check_revision(rev: object) -> str:
    """A revision as it is sent; what cannot be one is stale."""
    if not isinstance(rev, str) or not rev or not rev.isascii():
        raise stale()
    return rev


class Overtaken(Conflict):
    """The revision is not the stored one; and this is what is stored."""

    def __init__(self, stored: Raw | None) -> None:
        super().__init__("the document has changed since it was read")
        self.stored = stored


def values_of(index: Index, fields: Mapping[str, Any]) -> bytes:
    """The packed values under which the index has the fields, nothing if it has them not."""
    try:
        return index.values(fields) or b""
    except DataError:
        raise
    except Exception as error:
        raise HookFailed(f"the condition of the index {index.name!r} raised") from error


def index_key(index: Index) -> bytes:
    """The index's name in the store: with other fields, or unique or not, it is another index."""
    told = tuples.pack((*index.fields, index.unique))
    return tuples.pack((index.name, blake2b(told, digest_size=4).hexdigest()))


def packed_id(id: str) -> bytes:
    """The id as it ends an index entry."""
    return tuples.pack((id,))


@dataclass(frozen=True, slots=True)
class Note:
    """What the store knows of an index. As text: `token:complete:at`.

    The token tells one declaration from a later one. `at` is the id behind which the filling goes
    on, None when none is under way: a complete index can be gone through again.
    """

    token: str
    complete: bool = False
    at: bytes | None = b""

    @classmethod
    def of(cls, text: bytes) -> Note:
        """The note in the text."""
        try:
            token, complete, at = text.decode().split(":")
            return cls(token, complete == "1", None if at == "-" else bytes.fromhex(at))
        except ValueError as error:
            raise DataCorrupted("the note on an index is not one") from error

    def __bytes__(self) -> bytes:
        at = "-" if self.at is None else self.at.hex()
        return f"{self.token}:{int(self.complete)}:{at}".encode()


class Remembered:
    """The documents that a repository saw last, as they were stored then; safe among threads."""

    def __init__(self, size: int) -> None:
        if isinstance(size, bool) or not isinstance(size, int) or size < 0:  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
            raise InvalidArgument("remember must be a whole number from 0 on")
        self._size = size
        self._known: dict[str, Raw] = {}
        self._lock = threading.Lock()

    def get(self, id: str) -> Raw | None:
        """The document as it was seen, None if it was not, or not lately."""
        return self._known.get(id)

    def put(self, id: str, raw: Raw | None) -> None:
        """Remember what is stored now, None for nothing; large documents are not remembered."""
        with self._lock:
            self._known.pop(id, None)
            if raw is None or not self._size or sum(map(len, raw.values())) > _LARGE:
                return
            if len(self._known) >= self._size:
                del self._known[next(iter(self._known))]
            self._known[id] = raw
