"""How a collection is kept consistent: its indexes and its change log move with every write.

Every write below `!users!`, by a repository or by hand, passes the collection's keeper. The keeper
gives the document its revision (`_rev`, the decimal number of the change), moves the index entries,
and appends to the change log. All of it is in the same batch as the document, so that a killed
process leaves either everything or nothing.

On disk, below the client's prefix:

- `!users!<id>`: documents, JSON objects
- `!$index!!users.by_age!` + packed values + packed id: index entries, without a value
- `!$changes!!users!` + number (u64, big-endian): changes, `[id, deleted]`
- `!$deleted!!users!<id>`: of a deleted document, the number of its last change
- `!$meta!!users!head` and `!$meta!!users!index.<name>`: the last number, and notes about indexes
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from pydantic_core import to_json

from datapatterns.core import indexes
from datapatterns.core.checks import check_name, escape
from datapatterns.core.codecs import loads
from datapatterns.core.indexes import Index
from datapatterns.core.options import ChangeLog
from datapatterns.core.tuples import AFTER
from datapatterns.errors import (
    Conflict,
    DataCorrupted,
    DataError,
    DecodeFailed,
    InvalidArgument,
    InvalidData,
)
from datapatterns.level.engine.keys import own_prefix, upper_bound
from datapatterns.level.engine.readers import Reader, Writer
from datapatterns.level.engine.space import BaseSpace
from datapatterns.level.engine.transaction import UNREAD, RawWrite
from datapatterns.level.steps.stored_form import (
    Unreadable,
    is_number,
    new_object,
    revision,
    stored_fields,
    with_revision,
)

_NUMBER = struct.Struct(">Q")

_NO_CHANGE = "the change log has an entry of another kind"

logger = logging.getLogger("datapatterns.indexes")


class Entry(NamedTuple):
    """One entry of the change log."""

    number: int
    id: str
    deleted: bool


class Collection:
    """One collection of a directory, shared by all repositories and feeds over it.

    `stored` reads what is in the directory, without the writes of any transaction.
    """

    def __init__(self, stored: Reader, prefix: bytes, name: str) -> None:
        self._stored = stored
        self.name = name
        self.log: ChangeLog = "latest"
        self.log_chosen = False  # whether a repository has said what the log keeps
        self.indexes: dict[str, Index] = {}
        self.complete = frozenset[str]()  # the names of the indexes known to be filled
        self.tidy = False  # whether every index noted as complete on disk is declared here
        self.doublets = 0  # how often a value was taken twice in a unique index being filled
        self._escaped = escaped = escape(name)
        self._own = prefix
        self.documents = prefix + own_prefix(escaped)
        self.changes = prefix + own_prefix("$changes", escaped)
        self._deleted = prefix + own_prefix("$deleted", escaped)
        self.meta = prefix + own_prefix("$meta", escaped)
        self._head: int | None = None
        self._has_deleted: bool | None = None
        self._entry_prefixes: dict[str, bytes] = {}

    @classmethod
    def of(cls, space: BaseSpace, name: str) -> Collection:
        """Return the collection of that name; the first call registers it as a keeper."""
        check_name("a collection's name", name)
        engine = space.engine

        def make() -> Collection:
            collection = cls(engine.view, space.prefix, name)
            engine.keepers = {**engine.keepers, collection.documents: collection.keep}
            return collection

        with space.gate:
            return engine.share((cls, space.prefix, name), make)

    def keep_log(self, log: ChangeLog) -> None:
        """Keep this kind of change log; InvalidArgument if another repository keeps another."""
        if self.log_chosen and log != self.log:
            raise InvalidArgument("another repository of this collection has another `change_log`")
        self.log, self.log_chosen = log, True

    def declare(self, indexes: Iterable[Index]) -> None:
        """Keep these indexes too; InvalidArgument if one of these names is declared otherwise."""
        for index in indexes:
            known = self.indexes.get(index.name, index)
            if known.definition() != index.definition():
                message = f"an index {index.name!r} with other fields or options is in use"
                raise InvalidArgument(message)
            if index.name not in self.indexes:
                self.indexes = {**self.indexes, index.name: index}

    def key(self, id: str) -> bytes:
        """Return the key of the document; InvalidArgument for what cannot be an id."""
        if type(id) is str and id:
            try:
                return self.documents + id.encode()
            except UnicodeEncodeError:
                pass  # the check raises
        return self.documents + check_name("an id", id).encode()

    def entries(self, index: str) -> bytes:
        """Return the prefix of an index's entries."""
        prefix = self._entry_prefixes.get(index)
        if prefix is None:
            prefix = self._own + own_prefix("$index", f"{self._escaped}.{escape(index)}")
            self._entry_prefixes[index] = prefix
        return prefix

    def note(self, index: str) -> bytes:
        """Return the key of the note about an index: its definition, and how far it is filled."""
        return self.meta + b"index." + escape(index).encode()

    def noted(self, reader: Reader, index: Index) -> dict[str, Any] | None:
        """Return the note about this index; None if it is missing or of another definition."""
        data = reader.get(self.note(index.name))
        note: dict[str, Any] = {} if data is None else loads(data)
        return note if note.get("definition") == index.definition() else None

    # --- in every write

    def keep(self, write: RawWrite, writer: Writer) -> None:
        """Give the document its revision, and move its index entries and its change with it."""
        before = write.before
        if before is UNREAD:
            stored = writer.get(write.key)
            before = None if stored is None else stored_fields(stored)
        if before is None and write.value is None:
            return  # nothing was there and nothing comes
        id = _id(write.key[len(self.documents) :])
        number = self._next()
        after = None
        if write.value is not None:
            after = write.fields if write.fields is not None else new_object(write.value)
            write.value = with_revision(write.value, after, number)
        packed = indexes.pack_id(id)
        for index in self.indexes.values():
            old = [] if before is None else entries_of(index, id, before)
            new = [] if after is None else _new_entries(index, id, before, after)
            if old != new:
                self._move_entries(index, id, packed, old, new, writer)
        self._log_change(id, before, number, after is None, writer)

    def _move_entries(
        self,
        index: Index,
        id: str,
        packed: bytes,
        old: list[bytes],
        new: list[bytes],
        writer: Writer,
    ) -> None:
        """Replace the entries with these values by those with the new ones."""
        prefix = self.entries(index.name)
        for values in old:
            if values not in new:
                writer.store(prefix + values + packed, None)
        for values in new:
            if values not in old:
                if index.unique and self.holder(writer, index, values, id) is not None:
                    self._refuse_doublet(index, writer)
                writer.store(prefix + values + packed, b"")

    def holder(self, reader: Reader, index: Index, values: bytes, id: str) -> str | None:
        """Return the id of another document that has these values now, None if there is none.

        Entries that no longer fit their document do not count.
        """
        prefix = self.entries(index.name)
        for key, _ in reader.items(prefix + values, prefix + values + AFTER):
            entry = key[len(prefix) :]
            other = id_of_entry(entry)
            if other is not None and other != id and self.fits(reader, index, entry):
                return other
        return None

    def fits(self, reader: Reader, index: Index, entry: bytes) -> bool:
        """Return whether the entry is one of a document as it is now."""
        id = id_of_entry(entry)
        stored = None if id is None else reader.get(self.documents + id.encode())
        if id is None or stored is None:
            return False
        packed = indexes.pack_id(id)
        found = entries_of(index, id, stored_fields(stored))
        return any(values + packed == entry for values in found)

    def _refuse_doublet(self, index: Index, writer: Writer) -> None:
        """Raise Conflict (`exists`) if the index is complete; else count it, and let it pass.

        Whoever fills the index checks again, and must not stop other writers until then.
        """
        note = self.noted(writer, index)
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
        writer: Writer,
    ) -> None:
        if self.log is None:
            writer.store(self.meta + b"head", _NUMBER.pack(number))
            return
        if self.log == "latest":
            self._replace_change(id, before, writer)
            if deleted:
                writer.store(self._deleted + id.encode(), _NUMBER.pack(number))
                self._has_deleted = True
        writer.store(self.change_key(number), to_json([id, deleted]))

    def _replace_change(self, id: str, before: Mapping[str, Any] | None, writer: Writer) -> None:
        """Remove the document's last change from the log, which keeps one for each document."""
        if before is not None:
            last = revision(before)
            if is_number(last):  # else another program wrote it
                writer.store(self.change_key(int(last) % 2**64), None)
        elif self._any_deleted():
            tombstone = self._deleted + id.encode()
            number = writer.get(tombstone)
            if number is not None:
                writer.store(tombstone, None)
                writer.store(self.changes + number, None)

    def _any_deleted(self) -> bool:
        """Return whether any document was ever deleted: if not, a new one replaces no change."""
        if self._has_deleted is None:
            rows = self._stored.keys(self._deleted, upper_bound(self._deleted))
            self._has_deleted = next(rows, None) is not None
        return self._has_deleted

    @property
    def last_revision(self) -> str:
        """The revision that the last write got; it is valid only within the step that wrote."""
        return str(self._head)

    def _next(self) -> int:
        """Return the number of the next change; a failed write leaves a gap, which is harmless."""
        if self._head is None:
            self._head = self.head(self._stored)
        self._head += 1
        return self._head

    # --- the change log

    def head(self, reader: Reader) -> int:
        """Return the number of the last change: of the log's last entry, or the stored head."""
        stored = reader.get(self.meta + b"head")
        head = 0 if stored is None else int(_NUMBER.unpack(stored)[0])
        end = upper_bound(self.changes)
        for key, _ in reader.items(self.changes, end, reverse=True):
            return max(head, self._change_number(key))
        return head

    def change_key(self, number: int) -> bytes:
        """Return the key of the change with that number."""
        return self.changes + _NUMBER.pack(number)

    def _change_number(self, key: bytes) -> int:
        try:
            return int(_NUMBER.unpack(key[len(self.changes) :])[0])
        except struct.error as error:
            raise DataCorrupted(_NO_CHANGE) from error

    def changes_after(self, reader: Reader, number: int) -> Iterator[Entry]:
        """Iterate over the changes after that number, in order."""
        if number >= 2**64 - 1:
            return
        end = upper_bound(self.changes)
        for key, value in reader.items(self.change_key(number + 1), end):
            yield Entry(self._change_number(key), *_change(value))

    def trim(self, writer: Writer, below: int) -> int:
        """Remove changes up to that number: all of a full log, else deletions; return how many."""
        trimmed = 0
        # The head must survive the removal of the entry that carried it.
        head = max(self._head or 0, self.head(self._stored))
        writer.store(self.meta + b"head", _NUMBER.pack(head))
        for key, value in writer.items(self.changes, self.change_key(below + 1)):
            id, deleted = _change(value)
            if deleted or self.log == "full":
                writer.store(key, None)
                writer.store(self._deleted + id.encode(), None)
                trimmed += 1
        return trimmed


def _change(value: bytes) -> tuple[str, bool]:
    """Return the id of a change, and whether it is a deletion."""
    change = parse_change(value)
    if change is None:
        raise DataCorrupted(_NO_CHANGE)
    return change


def parse_change(value: bytes) -> tuple[str, bool] | None:
    """Return the id of a change and whether it is a deletion; None if the entry is not a change."""
    try:
        id, deleted = loads(value)
    except (DataError, TypeError, ValueError):
        return None
    return (id, deleted) if isinstance(id, str) and isinstance(deleted, bool) else None


def entries_of(index: Index, id: str, fields: Mapping[str, Any]) -> list[bytes]:
    """Return the values of the entries of a stored document; none if the index leaves it out."""
    return [] if isinstance(fields, Unreadable) else index.stored_values(id, fields)


def _new_entries(
    index: Index, id: str, before: Mapping[str, Any] | None, after: Mapping[str, Any]
) -> list[bytes]:
    """Return the values of the entries of a document that is being written.

    Raise InvalidData if the index cannot hold it, unless the stored one could not be held either.
    """
    try:
        return index.values(after)
    except InvalidData as error:
        if before is None or _holds(index, before):
            raise
        logger.warning("the index %r leaves out the document %r: %s", index.name, id, error)
        return []


def _holds(index: Index, fields: Mapping[str, Any]) -> bool:
    """Return whether the index can hold the stored document."""
    if isinstance(fields, Unreadable):
        return False
    try:
        index.values(fields)
    except DataError:
        return False
    return True


def id_of_entry(entry: bytes) -> str | None:
    """Return the id at the end of an index entry, None if it is not an entry."""
    try:
        id = indexes.entry_id(entry)
        id.encode()
    except (DecodeFailed, AttributeError, IndexError, UnicodeError):
        return None
    return id


def _id(key: bytes) -> str:
    try:
        return check_name("an id", key.decode())
    except UnicodeDecodeError:
        raise InvalidArgument("an id cannot be encoded as UTF-8") from None
