"""What a repository does, step by step, without deciding in which thread: both faces use it.

Every write is a work on a transaction, every read a work on a database; the faces run them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Generic, TypeVar

from datapatterns import indexes as entries
from datapatterns.codecs import dumps
from datapatterns.documents import Document, Schema, check_changes, document_id, load, revise
from datapatterns.errors import (
    Conflict,
    DataCorrupted,
    DataError,
    InvalidArgument,
    InvalidData,
    NotFound,
)
from datapatterns.indexes import Index
from datapatterns.level.collection import REVISION, Log, parse, revision
from datapatterns.level.collection import Collection as Stored
from datapatterns.level.driver import Database, DriverReader, scan, scan_keys
from datapatterns.level.keys import upper_bound
from datapatterns.level.space import LegacySpace as Space
from datapatterns.level.transaction import Transaction
from datapatterns.names import check_name, escape
from datapatterns.pages import Page
from datapatterns.pages import scan as plan
from datapatterns.tuples import AFTER, collated, unpack

D = TypeVar("D", bound=Document)
T = TypeVar("T")
Row = tuple[bytes, bytes]


class Documents(Generic[D]):
    """The works of one repository."""

    def __init__(
        self, space: Space, name: str, schema: Schema[D], indexes: Iterable[Index], log: Log
    ) -> None:
        self.schema = schema
        self.indexes = entries.by_name(indexes, schema.model)
        self.stored = Stored.of(space, name)
        self.stored.keep_log(log)
        self.stored.declare(self.indexes.values())

    # --- writes

    def create(self, document: D) -> Callable[[Transaction], D]:
        """Store a new document."""
        checked, fields = self.schema.checked(document)
        id = document_id(document, self.schema.id_from)
        key, data = self.stored.key(id), dumps(fields)

        def work(transaction: Transaction) -> D:
            if transaction.get(key) is not None:
                raise Conflict("the id is taken", reason="exists")
            return self._put(transaction, key, id, data, fields, None, checked)

        return work

    def create_many(self, documents: Sequence[D]) -> Callable[[Transaction], list[D | DataError]]:
        """Store new documents, each with an outcome of its own, in one step."""
        works: list[Callable[[Transaction], D] | DataError] = []
        for document in documents:
            try:
                works.append(self.create(document))
            except DataError as error:
                works.append(error)
        return lambda transaction: [_attempt(transaction, work) for work in works]

    def replace(self, document: D) -> Callable[[Transaction], D]:
        """Store the whole document over the revision it carries."""
        checked, fields = self.schema.checked(document)
        id = check_name("the id of a document to replace", document.id)
        if self.schema.id_from is not None and getattr(document, self.schema.id_from) != id:
            raise InvalidData.field(self.schema.id_from, "cannot be changed", "frozen_field")
        key, data = self.stored.key(id), dumps(fields)

        def work(transaction: Transaction) -> D:
            before = self._before(transaction, key)
            if before is None or document.rev != revision(before):
                raise Conflict("the document has changed since it was read")
            return self._put(transaction, key, id, data, fields, before, checked)

        return work

    def update(
        self, id: str, changes: Mapping[str, Any], rev: str | None
    ) -> Callable[[Transaction], D]:
        """Change the named fields: reading, merging and writing are one step, so nobody is in
        between and no attempt is wasted."""
        key, schema = self.stored.key(id), self.schema
        check_changes(changes, schema.model, schema.immutable)

        def work(transaction: Transaction) -> D:
            before = self._before(transaction, key)
            if before is None:
                raise NotFound("there is no such document")
            if rev is not None and rev != revision(before):
                raise Conflict("the document has changed since it was read")
            fields = {name: value for name, value in before.items() if name != REVISION}
            fields = revise(fields, changes, schema.model, update_model=schema.update_model)
            return self._put(transaction, key, id, dumps(fields), fields, before)

        return work

    def destroy(self, id: str, rev: str | None) -> Callable[[Transaction], None]:
        """Remove the document."""
        key = self.stored.key(id)

        def work(transaction: Transaction) -> None:
            before = self._before(transaction, key)
            if before is None:
                raise NotFound("there is no such document")
            if rev is not None and rev != revision(before):
                raise Conflict("the document has changed since it was read")
            transaction.put(key, None, before=before)

        return work

    def _before(self, transaction: Transaction, key: bytes) -> dict[str, Any] | None:
        data = transaction.get(key)
        return None if data is None else parse(data)

    def _put(
        self,
        transaction: Transaction,
        key: bytes,
        id: str,
        data: bytes,
        fields: dict[str, Any],
        before: dict[str, Any] | None,
        checked: D | None = None,
    ) -> D:
        """Write the document and return it as it is now stored."""
        write = transaction.put(key, data, fields=fields, before=before)
        if checked is None or write.fields is None:  # merged, or changed by a hook on its way
            return self._load(id, write.value or b"")
        checked.id, checked.rev = id, self.stored.last_revision
        return checked

    # --- reads

    def _load(self, id: str, data: bytes) -> D:
        fields = parse(data)
        rev = str(fields.pop(REVISION, "0"))
        return load(self.schema.model, id, rev, fields)

    def find(self, id: str) -> Callable[[DriverReader], D | None]:
        """The document, None if there is none."""
        key = self.stored.key(id)

        def work(reader: DriverReader) -> D | None:
            data = reader.get(key, verify_checksums=True)
            return None if data is None else self._load(id, data)

        return work

    def find_many(self, ids: Iterable[str]) -> Callable[[DriverReader], list[D | None]]:
        """The documents in the order of the ids."""
        works = [self.find(id) for id in ids]
        return lambda reader: [work(reader) for work in works]

    def find_raw(self, id: str) -> Callable[[DriverReader], dict[str, Any]]:
        """The stored fields, with id and rev."""
        key = self.stored.key(id)

        def work(reader: DriverReader) -> dict[str, Any]:
            data = reader.get(key, verify_checksums=True)
            if data is None:
                raise NotFound("there is no such document")
            fields = parse(data)
            rev = str(fields.pop(REVISION, "0"))
            return {**fields, "id": id, "rev": rev}

        return work

    def has(self, id: str) -> Callable[[DriverReader], bool]:
        """Whether there is such a document."""
        key = self.stored.key(id)
        return lambda reader: reader.get(key, verify_checksums=True) is not None

    def index(self, name: str) -> Index:
        """The index of that name; InvalidArgument if the repository has none."""
        return entries.declared(self.indexes, name)

    def page(
        self,
        index: str | None,
        prefix: Sequence[Any],
        *,
        start: Any = None,
        end: Any = None,
        descending: bool = False,
        limit: int = 50,
        after: str | None = None,
    ) -> Callable[[Database], Page[D]]:
        """A page by id, or by an index: its entries and their documents from one snapshot."""
        if index is None:
            bounds, base = (b"", AFTER), self.stored.documents
        else:
            bounds = self.index(index).bounds(prefix, start, end, descending=descending)
            base = self.stored.entries(index)
        query = f"level {escape(self.stored.name)} {escape(index or '')}"
        read = plan(query, *bounds, limit=limit, after=after, descending=descending)

        def work(database: Database) -> Page[D]:
            snapshot = database.snapshot()
            try:
                rows = scan(snapshot, base + read.gte, base + read.lt, reverse=read.reverse)
                found = [(key[len(base) :], value) for key, value in islice(rows, read.limit)]
                page = read.page(found, lambda row: row[0])
                return page.map(lambda row: self._of_row(snapshot, index, row))
            finally:
                snapshot.close()

        return work

    def _of_row(self, reader: DriverReader, index: str | None, row: Row) -> D:
        if index is None:
            return self._load(row[0].decode(), row[1])
        id = entries.entry_id(row[0])
        data = reader.get(self.stored.key(id), verify_checksums=True)
        if data is None:
            raise DataCorrupted("an index has an entry without its document; run reindex()")
        return self._load(id, data)

    def count(self, index: str | None, prefix: Sequence[Any]) -> Callable[[DriverReader], int]:
        """How many documents there are, or entries under a prefix of an index."""
        if index is None:
            first, last = self.stored.documents, upper_bound(self.stored.documents)
        else:
            lower, upper = self.index(index).bounds(prefix, None, None, descending=False)
            base = self.stored.entries(index)
            first, last = base + lower, base + upper
        return lambda reader: sum(1 for _ in keys(reader, first, last))

    def counts(self, index: str, depth: int) -> Callable[[DriverReader], dict[Any, int]]:
        """How many entries an index has by its first value, or its first `depth` values."""
        fields = len(self.index(index).fields)
        if isinstance(depth, bool) or not isinstance(depth, int) or not 1 <= depth <= fields:  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
            raise InvalidArgument(f"depth must be a whole number from 1 to {fields}")
        base = self.stored.entries(index)

        def work(reader: DriverReader) -> dict[Any, int]:
            counted: dict[Any, int] = {}
            values: Any = None
            group = None
            for key in keys(reader, base, upper_bound(base)):
                if group is None or not group <= key < group + AFTER:
                    found, _ = collated(unpack(key[len(base) :]), depth)
                    group = base + entries.pack_values(found)
                    values = found[0] if depth == 1 else found
                counted[values] = counted.get(values, 0) + 1
            return counted

        return work


def keys(reader: DriverReader, first: bytes, last: bytes | None) -> Iterator[bytes]:
    """The keys of a range, without their values."""
    return scan_keys(reader, first, last)


def _attempt(
    transaction: Transaction, work: Callable[[Transaction], D] | DataError
) -> D | DataError:
    """Run the work on a transaction of its own, so that its failure takes back only itself."""
    if isinstance(work, DataError):
        return work
    inner = transaction.nested()
    try:
        outcome = work(inner)
    except DataError as error:
        return error
    transaction.absorb(inner)
    return outcome
