# Generated from datapatterns/redis/_async/repository.py by scripts/unasync.py; do not edit.
"""Validated documents in Redis, with indexes that change in the same atomic step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from pydantic import BaseModel
from typing_extensions import override

from datapatterns.core.backoff import Backoff
from datapatterns.core.checks import check_flag, check_name, check_names, escape
from datapatterns.core.counts import Counts
from datapatterns.core.documents import Document, contention, stale
from datapatterns.core.indexes import Index, by_name
from datapatterns.core.pages import Page, Scan, scan
from datapatterns.core.revisions import Revise
from datapatterns.core.schema import Schema, Stored, Written
from datapatterns.core.schema_versions import check_version
from datapatterns.core.tuples import AFTER, collated, unpack
from datapatterns.errors import DataError, NotFound
from datapatterns.patterns._sync.repository import (
    BaseRepository,
    Tries,
    result_of,
)
from datapatterns.redis._sync.hashes import Hashes
from datapatterns.redis._sync.indexing import Indexing
from datapatterns.redis._sync.lua import SCRIPTS
from datapatterns.redis.hashes import (
    Newer,
    Overtaken,
    Raw,
    Remembered,
    Write,
    change,
    check_revision,
    creation,
    parse,
    replacement,
    revision,
)
from datapatterns.redis.keys import DEFAULT_NAMESPACE, Keys
from datapatterns.redis.wire._sync.commands import read
from datapatterns.redis.wire._sync.pools import RedisClient

D = TypeVar("D", bound=Document)

_GROUPS = 1_000  # groups that counts fetches in one step
_WAIT = Backoff(0.001, 0.1)  # before an update starts over


class Repository(BaseRepository[D]):
    """Documents of one schema, validated before they are stored, found by id and by indexes.

    A document is a hash, `{namespace:repository:name}:doc:<id>`, with a field of JSON for each of
    its own and its revision, which is random. Other fields in the hash, which others store, survive
    `update`; a field that is not JSON is read as text. A write is one script: compare the revision,
    look into the unique indexes, add the new index entries, write the changed fields, and remove
    what is left of the old ones. The bytes of the entries are computed here beforehand. The indexes
    are one sorted set in the order of its members' bytes (see `Indexing`).

    `create`, `destroy`, `get` and `count` are one round trip each. `update` and `patch` need the
    stored document to validate and index the new one. They are one trip if this repository has seen
    the document lately (of the last `remember`, by default 1,000, up to 16 KB each) and nobody has
    changed it since, else two. The reply to a write that was overtaken brings the stored document,
    so that each further try is one trip. The remembered document is never trusted: the script
    compares the revision. `replace` is one trip. With `immutable` or `update_model` it compares
    documents, which takes one more unless the replaced revision is remembered. `put` is two. With
    `expires` each call that reads asks the server for its time, which is one more, and writes
    remove expired documents first, at most once a second. A page is two trips at any depth;
    `get_many`, `create_many` and `iterate` are one or two for some hundred documents. `counts`
    skips from group to group on the server. Writing costs O(log documents) for each index entry.

    All keys of a collection share one hash tag, since the indexes must change in one step with the
    documents: on a cluster they lie on one node. Split a collection that outgrows it by name.

    A write is sent once: OutcomeUnknown if its reply was lost, for `create_many` as the outcome of
    each document in question. The first write or query of a new index fills it, unless
    `ensure=False`: then it is Unavailable until `ensure()` was called. Programs may declare
    different indexes on one collection: a writer marks the documents that it has changed in indexes
    it does not know, and a program that knows them looks at these first.

    A unique index that is complete binds every program. One that does not declare it learns its
    definition from the refusal of its first write, which takes one trip more, and keeps it from
    then on. It cannot learn a `where`, so it treats every document as if it met the condition: a
    document with the same values as another is a Conflict, even if the condition would admit both.
    Declare an index with `where` in all programs to avoid that. While a unique index is being
    filled it binds nobody; two documents with the same values are IndexNotUnique, for those who
    declare it.

    `reindex()` removes the indexes that this program does not declare, unique ones too. A document
    that is changed by hand (`HSET`) keeps its revision and its index entries until it is updated,
    or until `reindex()`.

    Errors: InvalidData (400), NotFound, Conflict (`exists` for an id or a unique index,
    `stale_revision`, `contention`), DecodeFailed, IndexNotUnique, DataCorrupted for keys of other
    types.

    Source: lexicographical indexes in the Redis documentation on secondary indexing; the index
    entries are FoundationDB's.
    """

    _many = 100

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
        expires: str | None = None,
        ensure: bool = True,
        remember: int = 1_000,
        namespace: str = DEFAULT_NAMESPACE,
    ) -> None:
        check_flag("ensure", ensure)
        fixed = check_names("immutable", immutable)
        super().__init__(
            Schema(model, id_from, fixed, update_model, expires), by_name(indexes, model)
        )
        self.redis = client
        keys = Keys.of(namespace, "repository", name)
        self._query = f"redis {escape(namespace)} {escape(name)}"
        self._indexing = Indexing(client, keys, self._indexes, ensure=ensure)
        self._hashes = Hashes[D](self._indexing, Remembered(remember))

    # --- writes

    @override
    def _create(self, written: Written[D]) -> D:
        [outcome] = self._hashes.write([creation(written)])
        return result_of(outcome)

    @override
    def _create_some(self, writes: Sequence[Written[D]]) -> list[D | DataError]:
        begun = [_creation_or_error(written) for written in writes]
        try:
            made = iter(self._hashes.write([one for one in begun if isinstance(one, Write)]))
        except DataError as error:
            return [error if isinstance(one, Write) else one for one in begun]
        return [next(made) if isinstance(one, Write) else one for one in begun]

    @override
    def _replace(self, written: Written[D], rev: str | None) -> D:
        schema = self._schema
        if schema.compares:
            before = self._hashes.read_revision(written.id, check_revision(rev))
            schema.check_replaced(written.id, parse(before), written.fields)
        [outcome] = self._hashes.write([replacement(written, rev, schema.version)])
        if isinstance(outcome, NotFound):
            raise stale()
        if isinstance(outcome, Newer):
            check_version(schema.model, written.id, outcome.fields)
        return result_of(outcome)

    @override
    def _update(self, id: str, revise: Revise[D], rev: str | None, attempts: int) -> D | None:
        check_name("an id", id)
        stored: Raw | None = None  # what the reply to an overtaken write told
        for attempt in Tries(attempts, _WAIT):
            write = self._guess(id, revise, rev)
            if write is None:
                if attempt == 1:
                    stored = self._hashes.read(id)
                write = change(id, stored, revise, rev)
            if write is None:
                return None
            [outcome] = self._hashes.write([write])
            if not isinstance(outcome, Overtaken):
                return result_of(outcome)
            if rev is not None:
                raise stale()
            stored = outcome.stored
        raise contention()

    def _guess(self, id: str, revise: Revise[D], rev: str | None) -> Write[D] | None:
        """Return the write over the document as it was seen last; None if that cannot be right."""
        known = self._hashes.remembered.get(id)
        try:
            return None if known is None else change(id, known, revise, rev)
        except DataError:
            return None  # the stored document may be another by now: the caller reads it

    @override
    def _destroy(self, id: str, rev: str | None) -> None:
        self._hashes.destroy(id, rev)

    @override
    def _remove_some(self, rows: Sequence[Stored]) -> int:
        if not rows:
            return 0
        outcomes = self._hashes.destroy_some([(row.id, row.rev) for row in rows])
        return outcomes.count(b"ok")

    # --- reads

    @override
    def _read(self, id: str) -> Stored | None:
        return _stored(id, self._hashes.read(id))

    @override
    def _read_many(self, ids: Sequence[str]) -> list[Stored | None]:
        return list(map(_stored, ids, self._indexing.read_many(ids)))

    @override
    def _exists(self, id: str) -> bool:
        return bool(read(self.redis, "HLEN", self._indexing.key(id)))

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
            return self._page_by_id(descending=descending, limit=limit, after=after)
        within = self._index(index).bounds(prefix, start, end, descending=descending)
        query = f"{self._query} {escape(index)}"
        plan = scan(query, *within, limit=limit, after=after, descending=descending)
        base = b"e" + self._indexing.names[index]
        command = "ZREVRANGEBYLEX" if plan.reverse else "ZRANGEBYLEX"
        [rows] = self._indexing.ask(
            "repository/rows", index, command, *_bounds(base, plan), plan.limit
        )
        page = plan.page([row[len(base) :] for row in rows], lambda row: row)
        found = self._hashes.of_entries(self._index(index), page.items)
        return Page(found, page.next, page.previous)

    def _page_by_id(self, *, descending: bool, limit: int, after: str | None) -> Page[Stored]:
        query = f"{self._query} "
        plan = scan(query, b"", AFTER, limit=limit, after=after, descending=descending)
        bounds = _bounds(b"d", plan)
        command = "ZREVRANGEBYLEX" if plan.reverse else "ZRANGEBYLEX"
        rows = read(self.redis, command, self._indexing.set, *bounds, "LIMIT", 0, plan.limit)
        page = plan.page([row[1:] for row in rows], lambda row: row)
        found = self._read_many([row.decode() for row in page])
        # What is missing was removed between the two trips.
        return Page([one for one in found if one is not None], page.next, page.previous)

    @override
    def _count(self, index: str | None, prefix: Sequence[Any]) -> int:
        if index is None:
            bounds = (b"[d", b"(d" + AFTER)
            return int(read(self.redis, "ZLEXCOUNT", self._indexing.set, *bounds))
        first, last = self._index(index).bounds(prefix, None, None, descending=False)
        base = b"e" + self._indexing.names[index]
        bounds = (b"[" + base + first, b"(" + base + last)
        [count] = self._indexing.ask("repository/count", index, *bounds)
        return int(count)

    @override
    def _counts(self, index: str, depth: int) -> Counts:
        counted = Counts()
        at = b"[e" + self._indexing.names[index]
        while at:
            groups, at = self._indexing.ask("repository/groups", index, at, depth, _GROUPS)
            for group, count in zip(groups[::2], groups[1::2], strict=True):
                values, _ = collated(unpack(group), depth)
                counted.add(values[0] if depth == 1 else values, int(count))
        return counted

    @override
    def _now(self) -> datetime:
        seconds, micros = SCRIPTS.read(self.redis, "repository/now", [self._indexing.set])
        return datetime.fromtimestamp(int(seconds), UTC) + timedelta(microseconds=int(micros))

    @override
    def ensure(self) -> None:
        self._indexing.ensure()

    @override
    def reindex(self, progress: Callable[[int, int], Any] | None = None) -> int:
        return self._indexing.reindex(self._count(None, ()), progress)


def _creation_or_error(written: Written[D]) -> Write[D] | DataError:
    try:
        return creation(written)
    except DataError as error:
        return error


def _stored(id: str, raw: Raw | None) -> Stored | None:
    """Return the revision and the fields of a hash, None if it is not there."""
    return None if raw is None else Stored(id, revision(raw), parse(raw))


def _bounds(base: bytes, plan: Scan) -> tuple[bytes, bytes]:
    """Return the bounds for ZRANGEBYLEX, or for ZREVRANGEBYLEX, which takes the upper one first."""
    lower, upper = b"[" + base + plan.gte, b"(" + base + plan.lt
    return (upper, lower) if plan.reverse else (lower, upper)
