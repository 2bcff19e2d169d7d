"""What keeps a collection consistent: its indexes and its change log, in every write's own batch.

Every write below `!users!`, by a repository or by hand, passes the collection's keeper. It gives
the document its revision (`_rev`, the decimal number of the change), moves the index entries, and
appends to the change log. All of it is in the same batch as the document, so that a killed process
leaves either everything or nothing.

On disk, below the client's prefix: documents `!users!<id>`, JSON objects; index entries
`!$index!!users.by_age!` + packed values + packed id; changes `!$changes!!users!` + number (u64,
big-endian); of a deleted document `!$deleted!!users!<id>`, the number of its last change; what is
known of the collection itself `!$meta!!users!…`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple, cast

from pydantic_core import to_json

from datapatterns import indexes as entries
from datapatterns.codecs import dumps, loads
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
from datapatterns.level.driver import DriverReader, scan
from datapatterns.level.engine import Engine
from datapatterns.level.keys import own_prefix, upper_bound
from datapatterns.level.space import LegacySpace as Space
from datapatterns.level.transaction import UNREAD, RawWrite, Transaction
from datapatterns.names import check_name, escape
from datapatterns.tuples import AFTER

Log = Literal["latest", "full"] | None

REVISION = "_rev"
_NUMBER = struct.Struct(">Q")


class Entry(NamedTuple):
    """An entry of the change log."""

    number: int
    id: str
    deleted: bool


class Collection:
    """One collection of an engine, shared by all repositories and feeds over it."""

    def __init__(self, engine: Engine, prefix: bytes, name: str) -> None:
        self.engine = engine
        self.name = name
        self.log: Log = "latest"
        self.log_chosen = False  # by a repository; a feed alone cannot know
        self.indexes: dict[str, Index] = {}
        self.complete = frozenset[str]()  # indexes known to be filled
        self.tidy = False  # whether nothing on disk calls an index complete that nobody keeps
        self.doublets = 0  # values taken twice in a unique index that is not complete
        self._escaped = escaped = escape(name)
        self._own = prefix
        self.documents = prefix + own_prefix(escaped)
        self.changes = prefix + own_prefix("$changes", escaped)
        self._deleted = prefix + own_prefix("$deleted", escaped)
        self.meta = prefix + own_prefix("$meta", escaped)
        self._head: int | None = None
        self._has_deleted: bool | None = None
        self._entries: dict[str, bytes] = {}

    @classmethod
    def of(cls, space: Space, name: str) -> Collection:
        """The collection of that name below the space, registered with its engine once."""
        check_name("a collection's name", name)
        engine = space.engine

        def make() -> Collection:
            collection = cls(engine, space.prefix, name)
            engine.keepers = {**engine.keepers, collection.documents: collection.keep}
            return collection

        with space.gate:
            return engine.share((cls, space.prefix, name), make)

    def keep_log(self, log: Log) -> None:
        """Keep this kind of change log; InvalidArgument if a repository in use keeps another."""
        if self.log_chosen and log != self.log:
            raise InvalidArgument("another repository of this collection has another `change_log`")
        self.log, self.log_chosen = log, True

    def declare(self, indexes: Iterable[Index]) -> None:
        """Keep these indexes too; InvalidArgument if one of the name has other fields."""
        for index in indexes:
            known = self.indexes.get(index.name, index)
            if (known.fields, known.unique) != (index.fields, index.unique):
                raise InvalidArgument(f"an index {index.name!r} with other fields is in use")
            if index.name not in self.indexes:
                self.indexes = {**self.indexes, index.name: index}

    def key(self, id: str) -> bytes:
        """Where the document of that id lies."""
        return self.documents + check_name("an id", id).encode()

    def entries(self, index: str) -> bytes:
        """The prefix of an index's entries."""
        prefix = self._entries.get(index)
        if prefix is None:
            prefix = self._own + own_prefix("$index", f"{self._escaped}.{escape(index)}")
            self._entries[index] = prefix
        return prefix

    def note(self, index: str) -> bytes:
        """Where the note about an index lies: which fields it orders, how far it is filled."""
        return self.meta + b"index." + escape(index).encode()

    def noted(self, index: Index, transaction: Transaction) -> dict[str, Any] | None:
        """What the note says of this very index; None if it is of another, or there is none."""
        data = transaction.get(self.note(index.name))
        note: dict[str, Any] = {} if data is None else loads(data)
        told = note.get("fields"), note.get("unique", False)
        return note if told == (list(index.fields), index.unique) else None

    # --- in every write

    def keep(self, write: RawWrite, transaction: Transaction) -> None:
        """Give the document its revision, and move its index entries and its change with it."""
        before = write.before
        if before is UNREAD:
            stored = transaction.get(write.key)
            before = None if stored is None else parse(stored)
        if before is None and write.value is None:
            return  # nothing was there and nothing comes
        id = _id(write.key[len(self.documents) :])
        number = self._next()
        after = None
        if write.value is not None:
            after = write.fields if write.fields is not None else _object(write.value)
            write.value = _with_revision(write.value, after, number)
        self._move_entries(id, before, after, transaction)
        self._log_change(id, before, number, after is None, transaction)

    def _move_entries(
        self,
        id: str,
        before: Mapping[str, Any] | None,
        after: Mapping[str, Any] | None,
        transaction: Transaction,
    ) -> None:
        packed = entries.pack_id(id)
        for index in self.indexes.values():
            old = None if before is None else values_of(index, before)
            new = None if after is None else values_of(index, after)
            if old == new:
                continue
            prefix = self.entries(index.name)
            if old is not None:
                transaction.store(prefix + old + packed, None)
            if new is not None:
                if index.unique and self.taken(index, new, id, transaction):
                    self._refuse_doublet(index, transaction)
                transaction.store(prefix + new + packed, b"")

    def taken(self, index: Index, values: bytes, id: str, transaction: Transaction) -> bool:
        """Whether another document has these values as it is now: an entry may be a left-over."""
        prefix = self.entries(index.name)
        for key, _ in transaction.items(prefix + values, prefix + values + AFTER):
            entry = key[len(prefix) :]
            if entries.entry_id(entry) != id and self.fits(index, entry, transaction):
                return True
        return False

    def fits(self, index: Index, entry: bytes, transaction: Transaction) -> bool:
        """Whether the entry is one of a document as it is now."""
        try:
            id = entries.entry_id(entry)
        except DecodeFailed:
            return False
        stored = transaction.get(self.documents + id.encode())
        values = None if stored is None else values_of(index, parse(stored))
        return values is not None and entries.entry(values, id) == entry

    def _refuse_doublet(self, index: Index, transaction: Transaction) -> None:
        """Conflict (`exists`); but who fills an index must not hinder others, and looks again."""
        note = self.noted(index, transaction)
        if index.name in self.complete or (note is not None and note["done"]):
            message = f"another document has the same {', '.join(index.fields)}"
            raise Conflict(message, reason="exists", data={"index": index.name})
        self.doublets += 1

    def _log_change(
        self,
        id: str,
        before: Mapping[str, Any] | None,
        number: int,
        deleted: bool,
        transaction: Transaction,
    ) -> None:
        if self.log is None:
            transaction.store(self.meta + b"head", _NUMBER.pack(number))
            return
        if self.log == "latest":
            self._replace_change(id, before, transaction)
            if deleted:
                transaction.store(self._deleted + id.encode(), _NUMBER.pack(number))
                self._has_deleted = True
        transaction.store(self.change_key(number), to_json([id, deleted]))

    def _replace_change(
        self, id: str, before: Mapping[str, Any] | None, transaction: Transaction
    ) -> None:
        """Remove the document's last change from the log: a document has one."""
        if before is not None:
            last = revision(before)
            if last.isdecimal() and last.isascii():  # else it was written past this library
                transaction.store(self.change_key(int(last) % 2**64), None)
        elif self._any_deleted():
            tombstone = self._deleted + id.encode()
            number = transaction.get(tombstone)
            if number is not None:
                transaction.store(tombstone, None)
                transaction.store(self.changes + number, None)

    def _any_deleted(self) -> bool:
        """Whether any document was ever deleted: if not, a new one has nothing to replace."""
        if self._has_deleted is None:
            rows = scan(self.engine.database, self._deleted, upper_bound(self._deleted))
            self._has_deleted = next(rows, None) is not None
        return self._has_deleted

    @property
    def last_revision(self) -> str:
        """The revision of the write just made; of use only within its own transaction."""
        return str(self._head)

    def _next(self) -> int:
        """The number of the next change. A failed write leaves a gap, which harms nobody."""
        if self._head is None:
            self._head = self.head(self.engine.database)
        self._head += 1
        return self._head

    # --- the change log

    def head(self, reader: DriverReader) -> int:
        """The number of the last change stored: the log's last entry, or the head kept apart."""
        stored = reader.get(self.meta + b"head", verify_checksums=True)
        head = 0 if stored is None else int(_NUMBER.unpack(stored)[0])
        end = upper_bound(self.changes)
        for key, _ in scan(reader, self.changes, end, reverse=True):
            return max(head, self._change_number(key))
        return head

    def change_key(self, number: int) -> bytes:
        """Where the change of that number lies."""
        return self.changes + _NUMBER.pack(number)

    def _change_number(self, key: bytes) -> int:
        try:
            return int(_NUMBER.unpack(key[len(self.changes) :])[0])
        except struct.error as error:
            raise DataCorrupted("the change log has an entry of another kind") from error

    def changes_after(self, reader: DriverReader, number: int) -> Iterator[Entry]:
        """The changes behind that one, in order."""
        if number >= 2**64 - 1:
            return
        end = upper_bound(self.changes)
        for key, value in scan(reader, self.change_key(number + 1), end):
            id, deleted = loads(value)
            yield Entry(self._change_number(key), id, deleted)

    def trim(self, below: int, transaction: Transaction) -> int:
        """Forget changes up to that number: all of a full log, deletions of a latest one."""
        trimmed = 0
        # The head must survive the removal of the entry that carried it.
        head = max(self._head or 0, self.head(self.engine.database))
        transaction.store(self.meta + b"head", _NUMBER.pack(head))
        for key, value in transaction.items(self.changes, self.change_key(below + 1)):
            id, deleted = loads(value)
            if deleted or self.log == "full":
                transaction.store(key, None)
                transaction.store(self._deleted + id.encode(), None)
                trimmed += 1
        return trimmed


def values_of(index: Index, fields: Mapping[str, Any]) -> bytes | None:
    """The index's values of stored fields; what its `where` raises is HookFailed."""
    try:
        return index.values(fields)
    except DataError:
        raise
    except Exception as error:
        raise HookFailed(f"the condition of the index {index.name!r} raised") from error


def parse(data: bytes) -> dict[str, Any]:
    """The stored object of a document, with its revision."""
    fields = loads(data)
    if not isinstance(fields, dict):
        raise DataCorrupted("a stored document is not a JSON object")
    return cast("dict[str, Any]", fields)


def revision(fields: Mapping[str, Any]) -> str:
    """The revision of stored fields; "0" for one that was written past this library."""
    return str(fields.get(REVISION, "0"))


def _object(data: bytes) -> dict[str, Any]:
    """What somebody puts into a collection by hand must be a JSON object."""
    try:
        fields = loads(data)
    except DataError as error:
        raise InvalidData("a collection holds JSON objects") from error
    if not isinstance(fields, dict):
        raise InvalidData("a collection holds JSON objects")
    return cast("dict[str, Any]", fields)


def _with_revision(data: bytes, fields: Mapping[str, Any], number: int) -> bytes:
    """The JSON object with its revision, put in without writing the rest again where it can be."""
    if REVISION in fields:
        return dumps({**fields, REVISION: str(number)})
    comma = b"," if fields else b""
    return b'%b%b"%b":"%d"}' % (data.rstrip()[:-1], comma, REVISION.encode(), number)


def _id(key: bytes) -> str:
    try:
        return check_name("an id", key.decode())
    except UnicodeDecodeError:
        raise InvalidArgument("an id cannot be encoded as UTF-8") from None
