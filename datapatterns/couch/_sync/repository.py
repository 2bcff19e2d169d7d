# Generated from datapatterns/couch/_async/repository.py by scripts/unasync.py; do not edit.
"""Validated documents in CouchDB, with indexes that the server keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel
from typing_extensions import override

from datapatterns.core.backoff import Backoff
from datapatterns.core.checks import check_flag, check_names
from datapatterns.core.codecs import loads
from datapatterns.core.counts import Counts
from datapatterns.core.documents import Document, absent, contention, stale
from datapatterns.core.indexes import Index
from datapatterns.core.pages import Page
from datapatterns.core.revisions import Revise, Revised
from datapatterns.core.schema import Schema, Stored, Written
from datapatterns.couch._sync.indexing import Indexing
from datapatterns.couch.database._sync.batching import batcher_of
from datapatterns.couch.database._sync.database import Database
from datapatterns.couch.database._sync.update_locks import UpdateLock
from datapatterns.couch.database.paging import PageReader, Range
from datapatterns.couch.database.raw_documents import (
    Found,
    change,
    check_document_id,
    encoded,
    fields_in,
)
from datapatterns.couch.http._sync.client import CouchClient, client_of
from datapatterns.couch.http.drivers import HttpClient
from datapatterns.couch.http.errors import unexpected_answer
from datapatterns.couch.http.replies import readable, revision_in
from datapatterns.couch.indexing import check_held, counted, key_range, view_indexes
from datapatterns.errors import Conflict, DataError
from datapatterns.patterns._sync.repository import BaseRepository, Tries

D = TypeVar("D", bound=Document)

_Rows = list[dict[str, Any]]
_ATTEMPTS = 100  # to destroy a document that other writers keep changing
_WAIT = Backoff(0.002, 0.25)  # before an update or a removal starts over
# Ids are ordered by their bytes, so design documents lie side by side among the others.
_DESIGN, _BEHIND_DESIGN = "_design/", "_design0"


class Repository(BaseRepository[D]):
    """Documents of one schema, validated before they are stored, found by id and by indexes.

    A collection is a database, and `name` is the database's. A stored document has the model's
    fields, fields that other programs stored beside them, and CouchDB's own `_id`, `_rev` and
    `_attachments`. `update` and `patch` change what is stored, so that unknown fields and
    attachments survive; `replace` and `put` store only the document that they are given.

    `create` is one PUT and `get` one GET. `update`, `patch` and `put` are GET, PUT, and start over
    with full jitter after a 409. `replace` is GET and PUT: it must know the stored document to
    refuse changes of immutable fields, and to leave those of newer programs alone. `destroy` reads
    the revision, then sends DELETE. Updates of one document over one Couch run one after the other,
    and each begins with what the one before it stored. A page is one request at any depth.
    `get_many` and `create_many` are one request for up to 500 documents or about 4 MB. On asyncio,
    single calls that come while a request is under way share the next request (see
    `Batcher`).

    An index is a view with the fields as its key, in a design document of its own, whose name holds
    a digest of the map function: where the fields are found, their aliases and defaults. Programs
    whose models differ in these use two indexes, and neither disturbs the other. Keys are ordered
    by CouchDB's rules: strings by Unicode collation, which treats some different strings as equal,
    and numbers as doubles, so that whole numbers beyond 2^53 are approximate. A condition or
    uniqueness is Unsupported, since no view can provide it. A query sees every earlier write: the
    server brings the view up to date first, which takes time when the index is new; `reindex` waits
    for that. What an index cannot hold, such as a list of 150 levels that another program stored,
    it leaves out, and `check` lists it. The design documents of indexes that are no longer declared
    stay until an operator removes them.

    Documents expire by the clock of the client. They are removed with one `_bulk_docs` for a
    hundred of them, at the revisions that were read, so that none that was given more time is lost.

    The first operation creates the database and the design documents, unless `ensure=False`.

    Errors: InvalidData, also for numbers that CouchDB does not keep (whole ones beyond the range of
    a double, others below 2.3e-308); InvalidArgument for ids that begin with an underscore or have
    more than 7,000 bytes; NotFound; Conflict (`exists`, `stale_revision`, `contention`);
    DecodeFailed, also for documents nested 200 deep and more, which CouchDB accepts from others;
    OutcomeUnknown if the reply to a write was lost, since each write is sent once. Replicated
    databases and clusters can hold several revisions of a document: see `ConflictResolver`.

    Source: CouchDB's guide on views, and its rules of collation.
    """

    def __init__(
        self,
        client: CouchClient | HttpClient,
        name: str,
        model: type[D],
        *,
        id_from: str | None = None,
        immutable: Iterable[str] = (),
        indexes: Iterable[Index] = (),
        update_model: type[BaseModel] | None = None,
        expires: str | None = None,
        partitioned: bool = False,
        ensure: bool = True,
    ) -> None:
        check_flag("ensure", ensure)
        check_flag("partitioned", partitioned)
        schema = Schema(model, id_from, check_names("immutable", immutable), update_model, expires)
        super().__init__(schema, view_indexes(indexes, model))
        couch = client_of(client)
        self.database = Database(couch, name, partitioned=partitioned)
        self._indexing = Indexing(self.database, self._indexes, ensure=ensure)
        self._batcher = batcher_of(couch, name)
        self._documents = self._batcher.documents

    # --- writes

    @override
    def _create(self, written: Written[D]) -> D:
        data = self._encoded(written)
        self._indexing.prepare()
        return written.stored(self._batcher.write(written.id, data, new=True))

    @override
    def _create_some(self, writes: Sequence[Written[D]]) -> list[D | DataError]:
        begun = [self._encoded_or_error(written) for written in writes]
        sent = [(item[0].id, item[1]) for item in begun if isinstance(item, tuple)]
        self._indexing.prepare()
        revs = iter(self._documents.create_many(sent))
        return [
            _outcome(item[0], next(revs)) if isinstance(item, tuple) else item for item in begun
        ]

    @override
    def _replace(self, written: Written[D], rev: str | None) -> D:
        check_document_id(written.id)
        if rev is None:
            raise stale()
        self._indexing.prepare()
        # Read first, because the server accepts any revision for a document that it never had. A
        # removed document leaves its revisions behind, so no write can slip in between.
        stored = self._batcher.find(written.id)
        if stored is None or revision_in(stored) != rev:
            raise stale()
        data = self._encoded(written, stored)
        return written.stored(self._batcher.write(written.id, data, new=False))

    @override
    def _put(self, written: Written[D]) -> D:
        id = check_document_id(written.id)
        self._indexing.prepare()
        with self._batcher.lock(id) as lock:
            for _ in Tries(_ATTEMPTS, _WAIT):
                stored = self._batcher.find(id)
                data = self._encoded(written, stored)
                try:
                    new = self._batcher.write(id, data, new=stored is None)
                except Conflict:
                    continue
                lock.stored = None
                return written.stored(new)
        raise contention()

    def _encoded(self, written: Written[D], stored: Found | None = None) -> bytes:
        """Return the JSON to store, in place of a stored document if there is one.

        Raise an error unless the indexes can hold it, and it may replace the stored one.
        """
        rev = before = None
        if stored is not None:
            rev, before = revision_in(stored), fields_in(readable(written.id, stored))
            self._schema.check_replaced(written.id, before, written.fields)
        if self._indexes:
            check_held(self._indexes.values(), written.id, written.fields, before)
        return encoded(written, rev)

    def _encoded_or_error(self, written: Written[D]) -> tuple[Written[D], bytes] | DataError:
        try:
            return written, self._encoded(written)
        except DataError as error:
            return error

    @override
    def _update(self, id: str, revise: Revise[D], rev: str | None, attempts: int) -> D | None:
        check_document_id(id)
        revise = self._checked(revise)
        self._indexing.prepare()
        with self._batcher.lock(id) as lock:
            for _ in Tries(attempts, _WAIT):
                written = self._guess(id, lock, revise, rev) or change(
                    id, self._batcher.find(id), revise, rev
                )
                if written is None:
                    return None
                try:
                    new = self._batcher.write(id, written.data, new=False)
                except Conflict:
                    if rev is not None:
                        raise
                else:
                    lock.stored = (new, written.data)
                    return written.stored(new)
        raise contention()

    def _checked(self, revise: Revise[D]) -> Revise[D]:
        """Return the step with a check that the indexes can hold what it makes."""

        def checked(id: str, rev: str, fields: Mapping[str, Any]) -> Revised[D] | None:
            revised = revise(id, rev, fields)
            if revised is not None:
                check_held(self._indexes.values(), id, revised.fields, fields)
            return revised

        return checked

    def _guess(
        self, id: str, lock: UpdateLock, revise: Revise[D], rev: str | None
    ) -> Written[D] | None:
        """Return the write over what the update before this one stored, None if it does not fit."""
        if lock.stored is None:
            return None
        (stored, data), lock.stored = lock.stored, None
        try:
            return change(id, {**loads(data), "_rev": stored}, revise, rev)
        except DataError:
            return None  # the document may have changed since; the caller reads it

    @override
    def _destroy(self, id: str, rev: str | None) -> None:
        check_document_id(id)
        self._indexing.prepare()
        for _ in Tries(_ATTEMPTS, _WAIT):
            found = self._batcher.revision(id)
            if found is None:
                raise absent()
            if rev is not None and rev != found:
                raise stale()
            try:
                self.database.delete(id, found)
                return
            except Conflict:
                if rev is not None:
                    raise
        raise contention()

    @override
    def _remove_some(self, rows: Sequence[Stored]) -> int:
        if not rows:
            return 0
        removals = [{"_id": one.id, "_rev": one.rev, "_deleted": True} for one in rows]
        outcomes = self.database.bulk(removals)
        for outcome in outcomes:
            if isinstance(outcome, DataError) and not isinstance(outcome, Conflict):
                raise outcome
        return sum(isinstance(outcome, str) for outcome in outcomes)

    # --- reads

    @override
    def _read(self, id: str) -> Stored | None:
        check_document_id(id)
        self._indexing.prepare()
        return _stored(id, self._batcher.find(id))

    @override
    def _read_many(self, ids: Sequence[str]) -> list[Stored | None]:
        ids = [check_document_id(id) for id in ids]
        self._indexing.prepare()
        found = self._documents.find_many(ids)
        return [_stored(id, raw) for id, raw in zip(ids, found, strict=True)]

    @override
    def _exists(self, id: str) -> bool:
        check_document_id(id)
        self._indexing.prepare()
        return self._batcher.revision(id) is not None

    @override
    def _page(
        self,
        index: str | None,
        prefix: Sequence[Any],
        *,
        start: Any,
        end: Any,
        descending: bool,
        limit: int,
        after: str | None,
    ) -> Page[Stored]:
        if index is None:
            page = self._page_by_id(descending, limit, after)
        else:
            keys = key_range(self._index(index), prefix, start, end, descending=descending)
            page = self._indexing.page(index, keys, limit, after)
        # Rows of documents that were removed meanwhile have none.
        found = [_stored(row["id"], row["doc"]) for row in page if row.get("doc")]
        return Page([one for one in found if one is not None], page.next, page.previous)

    def _page_by_id(self, descending: bool, limit: int, after: str | None) -> Page[dict[str, Any]]:
        path = f"{self.database.path}/_all_docs"
        reader = PageReader(path, Range(descending=descending), limit=limit, after=after)
        self._indexing.prepare()
        while not reader.done:
            reader.take(self._by_id({**reader.body(), "include_docs": True}))
        return reader.page

    def _by_id(self, body: dict[str, Any]) -> _Rows:
        """Return rows of `_all_docs` without design documents, up to the limit in `body`."""
        limit, rows = body["limit"], _Rows()
        behind = _DESIGN if body.get("descending") else _BEHIND_DESIGN
        while True:
            found = self.database.all_docs(body)
            rows += [row for row in found if not row["id"].startswith(_DESIGN)]
            if len(rows) == limit or len(found) < body["limit"]:
                return rows
            # Design documents filled a part of the limit. Go on behind them.
            last = found[-1]["id"]
            special = last.startswith(_DESIGN)
            further = {"startkey": behind} if special else {"startkey": last, "skip": 1}
            body = {**body, "skip": 0, **further, "limit": limit - len(rows)}

    @override
    def _count(self, index: str | None, prefix: Sequence[Any]) -> int:
        if index is None:
            self._indexing.prepare()
            return self._total()
        keys = key_range(self._index(index), prefix, None, None, descending=False)
        rows = self._indexing.reduced(index, keys)
        return int(rows[0]["value"]) if rows else 0

    @override
    def _counts(self, index: str, depth: int) -> Counts:
        return counted(self._indexing.reduced(index, Range(), group_level=depth), depth)

    def _total(self) -> int:
        """Return the number of documents without the design documents, from one request."""
        path = f"{self.database.path}/_all_docs"
        body = {"startkey": _DESIGN, "endkey": _BEHIND_DESIGN}
        reply = self.database.couch.read("POST", path, body=body)
        try:
            return int(reply["total_rows"]) - len(reply["rows"])
        except (KeyError, TypeError, ValueError):
            raise unexpected_answer() from None

    @override
    def ensure(self) -> None:
        self._indexing.ensure()

    @override
    def reindex(self, progress: Callable[[int, int], Any] | None = None) -> int:
        """Wait until the server has filled every index, calling `progress(done, total)`.

        Return the number of documents times the number of indexes. The server goes on building even
        if nobody waits, so an interrupted call needs no resuming.
        """
        self._indexing.prepare()
        return self._indexing.build(self._total(), progress)


def _stored(id: str, raw: Found | None) -> Stored | None:
    """Return the raw document as the base decodes it, None if it does not exist."""
    if raw is None:
        return None
    return Stored(id, revision_in(raw), raw if isinstance(raw, bytes) else fields_in(raw))


def _outcome(written: Written[D], rev: str | DataError) -> D | DataError:
    """Return the stored document, or the error instead of its revision."""
    return rev if isinstance(rev, DataError) else written.stored(rev)
