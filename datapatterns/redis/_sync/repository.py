# Generated from datapatterns/redis/_async/repository.py by scripts/unasync.py; do not edit.
"""Validated documents in Redis, with indexes that change in the same atomic step."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from datapatterns.backoff import Backoff
from datapatterns.documents import Document, check_changes
from datapatterns.errors import Conflict, DataError, InvalidArgument, NotFound
from datapatterns.indexes import Index, by_name, declared
from datapatterns.names import check_name, escape
from datapatterns.pages import Page, Scan, scan
from datapatterns.redis._sync.commands import read
from datapatterns.redis._sync.hashes import Hashes
from datapatterns.redis._sync.indexing import Indexing
from datapatterns.redis._sync.pools import RedisClient
from datapatterns.redis.hashes import (
    HashSchema,
    Overtaken,
    Remembered,
    Write,
    change,
    creation,
    parse,
    replacement,
    revision,
    stale,
)
from datapatterns.redis.keys import DEFAULT_NAMESPACE, Keys
from datapatterns.tuples import AFTER, collated, unpack

D = TypeVar("D", bound=Document)

_MANY = 100  # documents that create_many stores in one step
_PAGE = 500  # documents that iterate reads in one step
_GROUPS = 1_000  # groups that counts fetches in one step
_WAIT = Backoff(0.001, 0.1)  # before an update starts over


class Repository(Generic[D]):
    """Documents of one schema, validated on the way in, found by id and by indexes, in pages.

    A document is a hash, `{namespace:repository:name}:doc:<id>`, with a field of JSON for each of
    its own and its revision, which is random. Whatever else others store in the hash survives
    `update`; what is not JSON is read as text. A write is one script: compare the revision, look
    into the unique indexes, write the changed fields, and move the index entries, whose bytes are
    computed here beforehand. The
    indexes are one sorted set in the order of its members' bytes (see `Indexing`).

    `create`, `replace`, `destroy`, `get` and `count` are one round trip each. `update` needs the
    document to validate and index what it will be: it is one trip when this repository saw the
    document lately (of the last `remember`, by default 1,000, up to 16 KB each) and nobody has
    changed it since, else two; a write that was overtaken brings back what is stored now, so that
    each further try is one trip. What is remembered is never trusted: the script compares the
    revision. A page is two trips, the same at any depth; `get_many`, `create_many`, `iterate` one
    or two for some hundred documents. `counts` skips from group to group on the server. Writing
    costs O(log documents) for each index.

    All of a collection shares one hash tag, since the indexes must change in one step with the
    documents: on a cluster it lies on one node. Split a collection that outgrows it by name.

    A write is sent once: OutcomeUnknown when its reply was lost, for `create_many` as the outcome
    of each document in question. The first write or query of an index that is new fills it, unless
    `ensure=False`: then it is Unavailable until somebody has called `ensure()`. Programs may
    declare different indexes on one collection: a writer marks the documents that it changed in
    indexes it does not know, and who knows them looks at these first. A unique index holds among
    the programs that declare it; others can break it, and who finds that gets Conflict. Indexes
    that nobody declares any more are removed by `reindex()`. A document changed by hand (`HSET`)
    keeps its revision and its index entries until it is updated, or until `reindex()`.

    Nothing expires. Errors: InvalidData (400), NotFound, Conflict (`exists` for an id or a unique
    index, `stale_revision`, `contention`), DecodeFailed, DataCorrupted for keys of other types.

    Source: lexicographical indexes in the Redis documentation on secondary indexing; the index
    entries are FoundationDB's.
    """

    def __init__(
        self,
        client: RedisClient,
        name: str,
        model: type[D],
        *,
        id_from: str | None = None,
        immutable: Iterable[str] = (),
        indexes: Iterable[Index] = (),
        update_model: type[BaseModel] | None = None,
        ensure: bool = True,
        remember: int = 1_000,
        namespace: str = DEFAULT_NAMESPACE,
    ) -> None:
        self.redis = client
        self._schema = HashSchema(model, id_from, frozenset(immutable), update_model)
        keys = Keys.of(namespace, "repository", name)
        self._query = f"redis {escape(namespace)} {escape(name)}"
        self._indexing = Indexing(client, keys, by_name(indexes, model), ensure=ensure)
        self._documents = Hashes[D](self._indexing, Remembered(remember))

    # --- writes

    def create(self, document: D) -> D:
        """Store a new document and return it with id and rev; Conflict (`exists`) if taken."""
        [outcome] = self._documents.write([creation(self._schema, document)])
        return _made(outcome)

    def create_many(self, documents: Iterable[D]) -> list[D | DataError]:
        """Store new documents, 100 a step, and return, in order, each one's document or error."""
        outcomes: list[D | DataError] = []
        everything = list(documents)
        for at in range(0, len(everything), _MANY):
            outcomes += self._create_some(everything[at : at + _MANY])
        return outcomes

    def _create_some(self, documents: list[D]) -> list[D | DataError]:
        begun = [self._creation(document) for document in documents]
        sent = [one for one in begun if not isinstance(one, DataError)]
        try:
            outcomes = iter(self._documents.write(sent) if sent else [])
        except DataError as error:
            return [one if isinstance(one, DataError) else error for one in begun]
        return [one if isinstance(one, DataError) else next(outcomes) for one in begun]

    def _creation(self, document: D) -> Write[D] | DataError:
        try:
            return creation(self._schema, document)
        except DataError as error:
            return error

    def replace(self, document: D) -> D:
        """Store the whole document over the revision it carries; a stale one is Conflict."""
        [outcome] = self._documents.write([replacement(self._schema, document)])
        if isinstance(outcome, NotFound):
            raise stale()
        return _made(outcome)

    def update(
        self, id: str, changes: Mapping[str, Any], *, rev: str | None = None, attempts: int = 100
    ) -> D:
        """Change the named fields and return the document; with a stale `rev`, Conflict."""
        check_attempts(attempts)
        check_name("an id", id)
        check_changes(changes, self._schema.model, self._schema.immutable)
        write = self._guess(id, changes, rev)
        if write is None:
            write = change(self._schema, id, self._documents.read(id), changes, rev)
        for attempt in range(1, attempts + 1):
            [outcome] = self._documents.write([write])
            if not isinstance(outcome, Overtaken):
                return _made(outcome)
            if rev is not None:
                raise stale()
            if attempt < attempts:
                time.sleep(_WAIT(attempt))
                write = self._guess(id, changes, rev) or change(
                    self._schema, id, outcome.stored, changes, rev
                )
        raise Conflict("other writers were faster every time", reason="contention")

    def _guess(self, id: str, changes: Mapping[str, Any], rev: str | None) -> Write[D] | None:
        """The write over what was seen lately, if it was and if that fits."""
        known = self._documents.remembered.get(id)
        try:
            return None if known is None else change(self._schema, id, known, changes, rev)
        except DataError:
            return None  # it may be due to what is no longer stored

    def destroy(self, id: str, *, rev: str | None = None) -> None:
        """Remove the document; NotFound if there is none, Conflict if `rev` is stale."""
        self._documents.destroy(id, rev)

    # --- reads

    def get(self, id: str) -> D:
        """Return the document; NotFound if there is none."""
        document = self.find(id)
        if document is None:
            raise NotFound("there is no such document")
        return document

    def find(self, id: str) -> D | None:
        """Return the document, None if there is none."""
        raw = self._documents.read(id)
        return None if raw is None else self._schema.load(id, raw)

    def get_raw(self, id: str) -> dict[str, Any]:
        """Return the stored fields unvalidated, with `id` and `rev`; NotFound if there are none."""
        raw = self._documents.read(id)
        if raw is None:
            raise NotFound("there is no such document")
        return {**parse(raw), "id": id, "rev": revision(raw)}

    def get_many(self, ids: Sequence[str]) -> list[D | None]:
        """Return the documents in the order of the ids, None where there is none."""
        ids = list(ids)
        found = self._indexing.read_many(ids)
        return [
            None if raw is None else self._schema.load(id, raw)
            for id, raw in zip(ids, found, strict=True)
        ]

    def exists(self, id: str) -> bool:
        """Return whether there is such a document."""
        return bool(read(self.redis, "HLEN", self._indexing.key(id)))

    def list(
        self, *, limit: int = 50, after: str | None = None, descending: bool = False
    ) -> Page[D]:
        """Return a page of documents by id."""
        query = f"{self._query} "
        plan = scan(query, b"", AFTER, limit=limit, after=after, descending=descending)
        bounds = _bounds(b"d", plan)
        command = "ZREVRANGEBYLEX" if plan.reverse else "ZRANGEBYLEX"
        rows = read(self.redis, command, self._indexing.set, *bounds, "LIMIT", 0, plan.limit)
        page = plan.page([row[1:] for row in rows], lambda row: row)
        found = self.get_many([row.decode() for row in page])
        # What is missing was removed between the two trips.
        return Page([one for one in found if one is not None], page.next, page.previous)

    def query(
        self,
        index: str,
        *prefix: Any,
        start: Any = None,
        end: Any = None,
        descending: bool = False,
        limit: int = 50,
        after: str | None = None,
    ) -> Page[D]:
        """Return a page by an index, within a prefix of its fields, from `start` to `end`."""
        within = self._index(index).bounds(prefix, start, end, descending=descending)
        query = f"{self._query} {escape(index)}"
        plan = scan(query, *within, limit=limit, after=after, descending=descending)
        base = b"e" + self._indexing.names[index]
        command = "ZREVRANGEBYLEX" if plan.reverse else "ZRANGEBYLEX"
        [rows] = self._indexing.ask(
            "repository_rows", index, command, *_bounds(base, plan), plan.limit
        )
        page = plan.page([row[len(base) :] for row in rows], lambda row: row)
        items = self._documents.behind(self._schema, self._index(index), page.items)
        return Page(items, page.next, page.previous)

    def iterate(self, index: str | None = None, *prefix: Any, **options: Any) -> Iterator[D]:
        """Iterate over all that `list` or `query` gives: start, end, descending."""
        after: str | None = None
        while True:
            if index is None:
                page = self.list(limit=_PAGE, after=after, **options)
            else:
                page = self.query(index, *prefix, limit=_PAGE, after=after, **options)
            for document in page:
                yield document
            if (after := page.next) is None:
                return

    def count(self, index: str | None = None, *prefix: Any) -> int:
        """Return how many documents there are, or how many are under a prefix of an index."""
        if index is None:
            bounds = (b"[d", b"(d" + AFTER)
            return int(read(self.redis, "ZLEXCOUNT", self._indexing.set, *bounds))
        first, last = self._index(index).bounds(prefix, None, None, descending=False)
        base = b"e" + self._indexing.names[index]
        bounds = (b"[" + base + first, b"(" + base + last)
        [count] = self._indexing.ask("repository_count", index, *bounds)
        return int(count)

    def counts(self, index: str, depth: int = 1) -> dict[Any, int]:
        """Return the number of documents by the index's first value, or first `depth` values."""
        fields = len(self._index(index).fields)
        if isinstance(depth, bool) or not isinstance(depth, int) or not 1 <= depth <= fields:  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
            raise InvalidArgument(f"depth must be a whole number from 1 to {fields}")
        counted: dict[Any, int] = {}
        at = b"[e" + self._indexing.names[index]
        while at:
            groups, at = self._indexing.ask("repository_groups", index, at, depth, _GROUPS)
            for group, count in zip(groups[::2], groups[1::2], strict=True):
                values, _ = collated(unpack(group), depth)
                value = values[0] if depth == 1 else values
                counted[value] = counted.get(value, 0) + int(count)
        return counted

    def _index(self, name: str) -> Index:
        return declared(self._indexing.indexes, name)

    def ensure(self) -> None:
        """Fill indexes that are new; the first operation does it by itself."""
        self._indexing.ensure()

    def reindex(self, progress: Callable[[int, int], Any] | None = None) -> int:
        """Fill every index afresh, resumably, calling `progress(done, total)`; return the count."""
        return self._indexing.reindex(self.count(), progress)


def _bounds(base: bytes, plan: Scan) -> tuple[bytes, bytes]:
    """The bounds of ZRANGEBYLEX, or of ZREVRANGEBYLEX, which wants the upper one first."""
    lower, upper = b"[" + base + plan.gte, b"(" + base + plan.lt
    return (upper, lower) if plan.reverse else (lower, upper)


def _made(outcome: D | DataError) -> D:
    if isinstance(outcome, DataError):
        raise outcome
    return outcome


def check_attempts(attempts: object) -> None:
    """InvalidArgument unless it is a whole number from 1 on."""
    if not isinstance(attempts, int) or isinstance(attempts, bool) or attempts < 1:
        raise InvalidArgument("attempts must be a whole number from 1 on")
