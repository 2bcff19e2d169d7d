"""Validated documents in LevelDB, with indexes and a change log in the same atomic step."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence, Set
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from datapatterns.documents import Document, Schema
from datapatterns.errors import DataError, InvalidArgument, NotFound
from datapatterns.indexes import Index
from datapatterns.level import reindex
from datapatterns.level.collection import Log
from datapatterns.level.documents import Documents
from datapatterns.level.space import HasSpace
from datapatterns.pages import Page

D = TypeVar("D", bound=Document)

_MANY = 500  # documents that create_many stores in one step
_PAGE = 500  # documents that iterate reads in one step
_NONE = frozenset[str]()


class _Repository(Generic[D]):
    """What both faces are made of."""

    def __init__(
        self,
        client: HasSpace,
        name: str,
        model: type[D],
        *,
        id_from: str | None = None,
        immutable: Iterable[str] = (),
        indexes: Iterable[Index] = (),
        update_model: type[BaseModel] | None = None,
        change_log: Log = "latest",
        ensure: bool = True,
    ) -> None:
        if change_log not in ("latest", "full", None):
            raise InvalidArgument("change_log must be 'latest', 'full' or None")
        schema = Schema(model, id_from, frozenset(immutable), update_model)
        self._space = client.space
        self._documents = Documents(client.space, name, schema, indexes, change_log)
        self._collection = self._documents.stored
        own = self._documents.indexes
        self._ensure = ensure
        self._all = frozenset(own)
        # What must be complete for a write: without a unique one, nobody knows what is taken.
        self._written = frozenset(name for name in own if ensure or own[name].unique)

    def _steps(
        self, indexes: Set[str], *, fill: bool = True, anew: bool = False
    ) -> Iterator[reindex.Step]:
        """What to run, one after the other, until these of its own indexes are complete; without
        `fill`, Unavailable if they are not."""
        collection = self._collection
        if not collection.tidy:
            yield reindex.forget_undeclared(collection)
            collection.tidy = True
        for name, index in self._documents.indexes.items():
            if name not in indexes or (name in collection.complete and not anew):
                continue
            if fill:
                yield from reindex.steps(collection, index, anew=anew)
            else:
                yield reindex.look(collection, index)

    def _needed(self, index: str | None) -> Set[str]:
        """What must be complete for a question to that index, or to none."""
        return _NONE if index is None else {self._documents.index(index).name}

    def _pending(self, indexes: Set[str]) -> bool:
        collection = self._collection
        return not (collection.tidy and indexes <= collection.complete)


class Repository(_Repository[D]):
    """Documents of one schema, validated on the way in, found by id and by indexes, in pages.

    A write is one atomic batch: the document with its new `rev`, the index entries that it loses
    and gains, and its entry in the change log, which replaces its last one (`change_log="full"`
    keeps all, None keeps none). Reading, checking the revision and writing are one step under the
    engine's write lock, so `update` never finds another writer in between.

    The first write fills indexes that are new, and so does a question to one of them, unless
    `ensure=False`: then it is Unavailable until somebody has called `ensure()`. A unique index that
    is complete holds for all who write to the collection. It cannot be filled while two documents
    have the same values: the repositories that declare it get Conflict when they write or ask it,
    others do as if it had not been declared, and once the values differ it is filled.

    Costs: a read of one document about 6 us, a write about 30 us, a page the same at any depth;
    `count` and `counts` go through the entries they count. Errors: InvalidData (400), NotFound,
    Conflict (`exists` for an id or a unique index, `stale_revision`), DecodeFailed.

    Source: the multilevel and secondary-index patterns of Node's level community.
    """

    def create(self, document: D) -> D:
        """Store a new document and return it with id and rev; Conflict (`exists`) if taken."""
        self._prepare(self._written)
        return self._space.write(self._documents.create(document))

    def create_many(self, documents: Iterable[D]) -> list[D | DataError]:
        """Store new documents, 500 a step, and return, in order, each one's document or error."""
        self._prepare(self._written)
        outcomes: list[D | DataError] = []
        for part in _parts(documents):
            outcomes += self._space.write(self._documents.create_many(part))
        return outcomes

    def get(self, id: str) -> D:
        """Return the document; NotFound if there is none."""
        return _found(self.find(id))

    def find(self, id: str) -> D | None:
        """Return the document, None if there is none."""
        return self._space.read(self._documents.find(id))

    def get_raw(self, id: str) -> dict[str, Any]:
        """Return the stored fields unvalidated, with `id` and `rev`; NotFound if there are none."""
        return self._space.read(self._documents.find_raw(id))

    def get_many(self, ids: Sequence[str]) -> list[D | None]:
        """Return the documents in the order of the ids, None where there is none."""
        return self._space.read(self._documents.find_many(ids))

    def exists(self, id: str) -> bool:
        """Return whether there is such a document."""
        return self._space.read(self._documents.has(id))

    def replace(self, document: D) -> D:
        """Store the whole document over the revision it carries; a stale one is Conflict."""
        self._prepare(self._written)
        return self._space.write(self._documents.replace(document))

    def update(
        self, id: str, changes: Mapping[str, Any], *, rev: str | None = None, attempts: int = 100
    ) -> D:
        """Change the named fields and return the document; with a stale `rev`, Conflict."""
        check_attempts(attempts)
        self._prepare(self._written)
        return self._space.write(self._documents.update(id, changes, rev))

    def destroy(self, id: str, *, rev: str | None = None) -> None:
        """Remove the document; NotFound if there is none, Conflict if `rev` is stale."""
        self._prepare(_NONE)
        self._space.write(self._documents.destroy(id, rev))

    def list(
        self, *, limit: int = 50, after: str | None = None, descending: bool = False
    ) -> Page[D]:
        """Return a page of documents by id."""
        page = self._documents.page(None, (), limit=limit, after=after, descending=descending)
        return self._space.read(page)

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
        options = {"start": start, "end": end, "descending": descending}
        page = self._documents.page(index, prefix, limit=limit, after=after, **options)
        self._prepare({index})
        return self._space.read(page)

    def iterate(self, index: str | None = None, *prefix: Any, **options: Any) -> Iterator[D]:
        """Iterate over all that `list` or `query` gives: start, end, descending."""
        after: str | None = None
        self._prepare(self._needed(index))
        while True:
            page = self._space.read(
                self._documents.page(index, prefix, limit=_PAGE, after=after, **options)
            )
            yield from page
            if (after := page.next) is None:
                return

    def count(self, index: str | None = None, *prefix: Any) -> int:
        """Return how many documents there are, or how many are under a prefix of an index."""
        work = self._documents.count(index, prefix)
        self._prepare(self._needed(index))
        return self._space.read(work)

    def counts(self, index: str, depth: int = 1) -> dict[Any, int]:
        """Return the number of documents by the index's first value, or first `depth` values."""
        work = self._documents.counts(index, depth)
        self._prepare({index})
        return self._space.read(work)

    def ensure(self) -> None:
        """Fill indexes that are new; the first operation does it by itself."""
        for step in self._steps(self._all):
            self._space.write(step)

    def reindex(self, progress: Callable[[int, int], Any] | None = None) -> int:
        """Fill every index afresh, resumably, calling `progress(done, total)`; return the count."""
        total = self._space.read(self._documents.count(None, ())) * len(self._all)
        done = 0
        for step in self._steps(self._all, anew=True):
            done += self._space.write(step)
            if progress is not None:
                progress(done, total)
        return done

    def _prepare(self, indexes: Set[str]) -> None:
        if self._pending(indexes):
            for step in self._steps(indexes, fill=self._ensure):
                self._space.write(step)


class AsyncRepository(_Repository[D]):
    """`Repository` for asyncio: the same methods, awaited. Reads of one document run at once."""

    async def create(self, document: D) -> D:
        """Store a new document and return it with id and rev; Conflict (`exists`) if taken."""
        await self._prepare(self._written)
        return await self._space.write_in_lane(self._documents.create(document))

    async def create_many(self, documents: Iterable[D]) -> list[D | DataError]:
        """Store new documents, 500 a step, and return, in order, each one's document or error."""
        await self._prepare(self._written)
        outcomes: list[D | DataError] = []
        for part in _parts(documents):
            outcomes += await self._space.write_in_lane(self._documents.create_many(part))
        return outcomes

    async def get(self, id: str) -> D:
        """Return the document; NotFound if there is none."""
        return _found(await self.find(id))

    async def find(self, id: str) -> D | None:
        """Return the document, None if there is none."""
        return self._space.read(self._documents.find(id))

    async def get_raw(self, id: str) -> dict[str, Any]:
        """Return the stored fields unvalidated, with `id` and `rev`; NotFound if there are none."""
        return self._space.read(self._documents.find_raw(id))

    async def get_many(self, ids: Sequence[str]) -> list[D | None]:
        """Return the documents in the order of the ids, None where there is none."""
        return await self._space.read_in_lane(self._documents.find_many(ids))

    async def exists(self, id: str) -> bool:
        """Return whether there is such a document."""
        return self._space.read(self._documents.has(id))

    async def replace(self, document: D) -> D:
        """Store the whole document over the revision it carries; a stale one is Conflict."""
        await self._prepare(self._written)
        return await self._space.write_in_lane(self._documents.replace(document))

    async def update(
        self, id: str, changes: Mapping[str, Any], *, rev: str | None = None, attempts: int = 100
    ) -> D:
        """Change the named fields and return the document; with a stale `rev`, Conflict."""
        check_attempts(attempts)
        await self._prepare(self._written)
        return await self._space.write_in_lane(self._documents.update(id, changes, rev))

    async def destroy(self, id: str, *, rev: str | None = None) -> None:
        """Remove the document; NotFound if there is none, Conflict if `rev` is stale."""
        await self._prepare(_NONE)
        await self._space.write_in_lane(self._documents.destroy(id, rev))

    async def list(
        self, *, limit: int = 50, after: str | None = None, descending: bool = False
    ) -> Page[D]:
        """Return a page of documents by id."""
        page = self._documents.page(None, (), limit=limit, after=after, descending=descending)
        return await self._space.read_in_lane(page)

    async def query(
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
        options = {"start": start, "end": end, "descending": descending}
        page = self._documents.page(index, prefix, limit=limit, after=after, **options)
        await self._prepare({index})
        return await self._space.read_in_lane(page)

    async def iterate(
        self, index: str | None = None, *prefix: Any, **options: Any
    ) -> AsyncIterator[D]:
        """Iterate over all that `list` or `query` gives: start, end, descending."""
        after: str | None = None
        await self._prepare(self._needed(index))
        while True:
            page = await self._space.read_in_lane(
                self._documents.page(index, prefix, limit=_PAGE, after=after, **options)
            )
            for document in page:
                yield document
            if (after := page.next) is None:
                return

    async def count(self, index: str | None = None, *prefix: Any) -> int:
        """Return how many documents there are, or how many are under a prefix of an index."""
        work = self._documents.count(index, prefix)
        await self._prepare(self._needed(index))
        return await self._space.read_in_lane(work)

    async def counts(self, index: str, depth: int = 1) -> dict[Any, int]:
        """Return the number of documents by the index's first value, or first `depth` values."""
        work = self._documents.counts(index, depth)
        await self._prepare({index})
        return await self._space.read_in_lane(work)

    async def ensure(self) -> None:
        """Fill indexes that are new; the first operation does it by itself."""
        for step in self._steps(self._all):
            await self._space.write_in_lane(step)

    async def reindex(self, progress: Callable[[int, int], Any] | None = None) -> int:
        """Fill every index afresh, resumably, calling `progress(done, total)`; return the count."""
        total = await self.count() * len(self._all)
        done = 0
        for step in self._steps(self._all, anew=True):
            done += await self._space.write_in_lane(step)
            if progress is not None:
                progress(done, total)
        return done

    async def _prepare(self, indexes: Set[str]) -> None:
        if self._pending(indexes):
            for step in self._steps(indexes, fill=self._ensure):
                await self._space.write_in_lane(step)


def _parts(documents: Iterable[D]) -> Iterator[Sequence[D]]:
    everything = list(documents)
    return (everything[at : at + _MANY] for at in range(0, len(everything), _MANY))


def _found(document: D | None) -> D:
    if document is None:
        raise NotFound("there is no such document")
    return document


def check_attempts(attempts: object) -> None:
    """InvalidArgument unless it is a whole number from 1 on."""
    if not isinstance(attempts, int) or isinstance(attempts, bool) or attempts < 1:
        raise InvalidArgument("attempts must be a whole number from 1 on")
