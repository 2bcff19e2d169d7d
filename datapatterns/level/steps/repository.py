"""The steps of a repository: documents, read by id and by index, and written with their revision.

Indexes and the change log need no step here: the collection's keeper moves them with every write.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from functools import partial
from itertools import islice
from typing import Any, Generic, TypeVar

from datapatterns.core import indexes
from datapatterns.core.checks import escape
from datapatterns.core.codecs import dumps
from datapatterns.core.counts import Counts
from datapatterns.core.documents import Document, absent, give_identity, stale
from datapatterns.core.indexes import Index
from datapatterns.core.pages import Page, Scan, scan
from datapatterns.core.revisions import Revise
from datapatterns.core.schema import Schema, Stored, Written
from datapatterns.core.tuples import AFTER, collated, unpack
from datapatterns.errors import Conflict, DataCorrupted, DataError
from datapatterns.level.engine.keys import upper_bound
from datapatterns.level.engine.readers import Reader, Writer
from datapatterns.level.steps.collection import Collection
from datapatterns.level.steps.reindexing import Filling, Step, forget_undeclared, require_complete
from datapatterns.level.steps.stored_form import (
    REVISION,
    Unreadable,
    revision,
    revision_of,
    stored_fields,
)

D = TypeVar("D", bound=Document)
Row = tuple[bytes, bytes]


class RepositorySteps(Generic[D]):
    """The steps of one repository over a collection that others may share."""

    def __init__(self, collection: Collection, schema: Schema[D], own: Mapping[str, Index]) -> None:
        self._collection, self._schema, self._indexes = collection, schema, own

    # --- writing

    def create(self, writer: Writer, new: Written[D]) -> D:
        """Store the document unless its id is taken."""
        key = self._collection.key(new.id)
        if writer.get(key) is not None:
            raise Conflict("the id is taken", reason="exists")
        return self._store(writer, key, new, None)

    def create_many(self, writer: Writer, many: Sequence[Written[D]]) -> list[D | DataError]:
        """Store the documents, each with an outcome of its own, in one step."""
        return [self._create_or_error(writer, new) for new in many]

    def _create_or_error(self, writer: Writer, new: Written[D]) -> D | DataError:
        try:
            return writer.attempt(self.create, new)
        except DataError as error:
            return error

    def replace(self, writer: Writer, new: Written[D], rev: str | None) -> D:
        """Store the whole document if the stored one has this revision."""
        key = self._collection.key(new.id)
        data = writer.get(key)
        if data is None or rev != revision_of(data):
            raise stale()
        return self._store(writer, key, new, data)

    def put(self, writer: Writer, new: Written[D]) -> D:
        """Store the whole document, whether or not there is one."""
        key = self._collection.key(new.id)
        return self._store(writer, key, new, writer.get(key))

    def _store(self, writer: Writer, key: bytes, new: Written[D], data: bytes | None) -> D:
        """Write the document in place of what is stored, and return it as it is stored then."""
        before = None
        if data is not None:
            fields, before = self._readable(new.id, data)
            self._schema.check_replaced(new.id, fields, new.fields)
        write = writer.put(key, new.data, fields=new.fields, before=before)
        if write.fields is None:  # a hook has changed it
            return self._load(new.id, write.value or b"")
        return new.stored(self._collection.last_revision)

    def update(self, writer: Writer, id: str, revise: Revise[D], rev: str | None) -> D | None:
        """Read, revise and write in one step, so that no other writer comes in between."""
        data = self._existing(writer, id, rev)
        fields, before = self._readable(id, data)
        revised = revise(id, revision(before), fields)
        if revised is None:
            return None
        # Members with an underscore are not part of a document, but they are not ours to remove.
        fields = revised.fields | {name: before[name] for name in before.keys() - fields.keys()}
        fields.pop(REVISION, None)
        write = writer.put(self._collection.key(id), dumps(fields), fields=fields, before=before)
        if write.fields is None:  # a hook has changed it
            return self._load(id, write.value or b"")
        give_identity(revised.document, id, self._collection.last_revision)
        return revised.document

    def destroy(self, writer: Writer, id: str, rev: str | None) -> None:
        """Remove the document if it is there and has this revision, or any if it is None."""
        self._existing(writer, id, rev)
        writer.put(self._collection.key(id), None)

    def destroy_many(self, writer: Writer, rows: Sequence[Stored]) -> int:
        """Remove those of the documents that still have these revisions; return how many."""
        removed = 0
        for row in rows:
            key = self._collection.key(row.id)
            data = writer.get(key)
            if data is not None and revision_of(data) == row.rev:
                writer.put(key, None)
                removed += 1
        return removed

    def _existing(self, reader: Reader, id: str, rev: str | None) -> bytes:
        """Return what is stored; raise NotFound if nothing is, Conflict for another revision."""
        data = reader.get(self._collection.key(id))
        if data is None:
            raise absent()
        if rev is not None and rev != revision_of(data):
            raise stale()
        return data

    def _readable(self, id: str, data: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the fields of the stored document, and all members of its JSON object.

        Raise DecodeFailed if it is not a JSON object.
        """
        members = stored_fields(data)
        if isinstance(members, Unreadable):
            self._schema.parsed(id, data)  # raises
        return {name: each for name, each in members.items() if name[:1] != "_"}, members

    # --- reading

    def _load(self, id: str, data: bytes) -> D:
        return self._schema.load_json(id, revision_of(data), data)

    def find(self, reader: Reader, id: str) -> D | None:
        """Return the document, or None if it does not exist."""
        data = reader.get(self._collection.key(id))
        return None if data is None else self._load(id, data)

    def read(self, reader: Reader, id: str) -> Stored | None:
        """Return the stored document, or None if it does not exist."""
        data = reader.get(self._collection.key(id))
        return None if data is None else Stored(id, revision_of(data), data)

    def read_many(self, reader: Reader, ids: Sequence[str]) -> list[Stored | None]:
        """Return the stored documents in the order of the ids, None for a missing one."""
        return [self.read(reader, id) for id in ids]

    def exists(self, reader: Reader, id: str) -> bool:
        """Return whether there is such a document."""
        return reader.get(self._collection.key(id)) is not None

    def plan(
        self,
        index: str | None,
        prefix: Sequence[Any] = (),
        *,
        start: Any = None,
        end: Any = None,
        descending: bool,
        limit: int,
        after: str | None,
    ) -> Scan:
        """Return what to read for a page by id or by an index.

        Raise InvalidArgument for bad bounds.
        """
        bounds = b"", AFTER
        if index is not None:
            bounds = self._index(index).bounds(prefix, start, end, descending=descending)
        query = f"level {escape(self._collection.name)} {escape(index or '')}"
        return scan(query, *bounds, limit=limit, after=after, descending=descending)

    def page(self, reader: Reader, index: str | None, plan: Scan) -> Page[Stored]:
        """Read the planned rows, and of an index's entries the documents."""
        base = self._collection.documents if index is None else self._collection.entries(index)
        rows = reader.items(base + plan.gte, base + plan.lt, reverse=plan.reverse)
        found = [(key[len(base) :], value) for key, value in islice(rows, plan.limit)]
        page = plan.page(found, lambda row: row[0])
        return page.map(lambda row: self._of_row(reader, index, row))

    def _of_row(self, reader: Reader, index: str | None, row: Row) -> Stored:
        if index is None:
            return _stored(row[0], row[1])
        id = indexes.entry_id(row[0])
        data = reader.get(self._collection.key(id))
        if data is None:
            raise DataCorrupted("an index has an entry without its document; run reindex()")
        return Stored(id, revision_of(data), data)

    def range(self, index: str | None, prefix: Sequence[Any]) -> tuple[bytes, bytes]:
        """Return the range of all documents, or of the entries under a prefix of an index."""
        if index is None:
            return self._collection.documents, upper_bound(self._collection.documents)
        lower, upper = self._index(index).bounds(prefix, None, None, descending=False)
        base = self._collection.entries(index)
        return base + lower, base + upper

    def count(self, reader: Reader, first: bytes, last: bytes) -> int:
        """Count the keys of the range."""
        return sum(1 for _ in reader.keys(first, last))

    def counts(self, reader: Reader, index: str, depth: int) -> Counts:
        """Count the entries of an index by their first value, or their first `depth` values."""
        base = self._collection.entries(index)
        counted = Counts()
        values: Any = None
        group: bytes | None = None
        for key in reader.keys(base, upper_bound(base)):
            if group is None or not group <= key < group + AFTER:
                found, _ = collated(unpack(key[len(base) :]), depth)
                group = base + indexes.pack_values(found)
                values = found[0] if depth == 1 else found
            counted.add(values)
        return counted

    def _index(self, name: str) -> Index:
        return indexes.declared(self._indexes, name)

    # --- filling indexes

    def lacks(self, needed: Set[str]) -> bool:
        """Return whether `preparation` has something to do before these indexes can be used."""
        return not (self._collection.tidy and needed <= self._collection.complete)

    def preparation(
        self, needed: Set[str], *, fill: bool = True, anew: bool = False
    ) -> Iterator[Step]:
        """Iterate over the steps that fill these indexes, to be run one after the other.

        Without `fill` they raise Unavailable if one of them is not complete.
        """
        collection = self._collection
        if not collection.tidy:
            yield partial(forget_undeclared, collection=collection)
            collection.tidy = True
        for name, index in self._indexes.items():
            if name not in needed or (name in collection.complete and not anew):
                continue
            if fill:
                yield from Filling(collection, index, anew=anew).steps()
            else:
                yield partial(require_complete, collection=collection, index=index)


def _stored(key: bytes, data: bytes) -> Stored:
    """Return the stored document under the key, which another program may have chosen."""
    try:
        return Stored(key.decode(), revision_of(data), data)
    except UnicodeDecodeError:
        # It has no id by which it could be read, so it is shown as a document without content.
        return Stored(key.decode(errors="backslashreplace"), "0", b"")
