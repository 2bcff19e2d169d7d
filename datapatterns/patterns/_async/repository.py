"""What repositories of every backend share: checking, loading, expiry, rewriting, starting over."""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

from typing_extensions import override

from datapatterns import contracts
from datapatterns.core import revisions
from datapatterns.core.backoff import Backoff
from datapatterns.core.checks import INT32_MAX, check_count
from datapatterns.core.counts import Counts
from datapatterns.core.documents import Document, absent, contention, stale, utc_text
from datapatterns.core.indexes import EXPIRY, Index, declared
from datapatterns.core.pages import Page
from datapatterns.core.revisions import Revise, Revised
from datapatterns.core.schema import Schema, Stored, Written
from datapatterns.errors import Conflict, DataError, DecodeFailed, InvalidArgument, NotFound

D = TypeVar("D", bound=Document)

OnBad = Callable[[DecodeFailed], Any]

_PAGE = 500  # documents that iterate reads in one step
_SWEEP = 100  # expired documents that one step of a sweep removes
_SWEEP_EVERY = 1.0  # seconds between the sweeps that writes make
_WAIT = Backoff(0.002, 0.25)  # before a put starts over


class AsyncBaseRepository(contracts.AsyncRepository[D], Generic[D]):
    """The part of a repository that does not depend on the backend.

    A backend brings the abstract methods below. Their arguments are checked, but for ids, which the
    backend checks. What they return is decoded here, and left out here once it has expired.
    """

    _many = 500  # documents that create_many stores in one step

    def __init__(self, schema: Schema[D], indexes: Mapping[str, Index]) -> None:
        self._schema = schema
        self._indexes = dict(indexes)
        if schema.expires is not None:
            index = Index(EXPIRY, schema.fields[schema.expires].name)
            self._indexes[EXPIRY] = index.of_model(schema.model)
        self._next_sweep = 0.0

    # --- what a backend brings

    @abstractmethod
    async def _read(self, id: str) -> Stored | None:
        """Return the stored document, None if it does not exist."""

    @abstractmethod
    async def _read_many(self, ids: Sequence[str]) -> Sequence[Stored | None]:
        """Return the stored documents in the order of the ids, None for those that do not exist."""

    @abstractmethod
    async def _create(self, written: Written[D]) -> D:
        """Store a new document; raise Conflict (`exists`), with `index` in its data for one."""

    @abstractmethod
    async def _create_some(self, writes: Sequence[Written[D]]) -> Sequence[D | DataError]:
        """Create at most `_many` documents; return, in order, each one as stored, or its error."""

    @abstractmethod
    async def _replace(self, written: Written[D], rev: str | None) -> D:
        """Store the document in place of this revision; raise Conflict if it is not the stored one.

        Call `schema.check_replaced` with what is stored, in the same step or before it.
        """

    @abstractmethod
    async def _update(self, id: str, revise: Revise[D], rev: str | None, attempts: int) -> D | None:
        """Store what `revise` makes of the stored document; return None if it makes nothing.

        It is one atomic step, or repeated when another writer was faster. Raise NotFound, Conflict.
        """

    @abstractmethod
    async def _destroy(self, id: str, rev: str | None) -> None:
        """Remove the document; raise NotFound, or Conflict if `rev` is given and not its own."""

    @abstractmethod
    async def _exists(self, id: str) -> bool:
        """Return whether the document is stored."""

    @abstractmethod
    async def _page(
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
        """Return a page of stored documents by id, or by an index."""

    @abstractmethod
    async def _count(self, index: str | None, prefix: Sequence[Any]) -> int:
        """Count the documents, or the entries under a prefix of an index."""

    @abstractmethod
    async def _counts(self, index: str, depth: int) -> Counts:
        """Count the index's entries by their first value, or by the tuple of the first `depth`."""

    async def _now(self) -> datetime:
        """Return the time by which documents expire."""
        return datetime.now(UTC)

    # --- writing

    @override
    async def create(self, document: D) -> D:
        written = self._schema.new(document)
        if self._schema.expires is None:
            return await self._create(written)
        await self._sweep_sometimes()
        try:
            return await self._create(written)
        except Conflict:
            if not await self.sweep():
                raise
            return await self._create(written)

    @override
    async def create_many(self, documents: Iterable[D]) -> list[D | DataError]:
        everything = list(documents)
        outcomes: list[D | DataError] = []
        if self._schema.expires is not None:
            await self.sweep()
        for at in range(0, len(everything), self._many):
            outcomes += await self._create_part(everything[at : at + self._many])
        return outcomes

    async def _create_part(self, documents: Sequence[D]) -> list[D | DataError]:
        begun = [self._new_or_error(document) for document in documents]
        sent = [one for one in begun if isinstance(one, Written)]
        created = iter(await self._create_some(sent) if sent else ())
        return [next(created) if isinstance(one, Written) else one for one in begun]

    def _new_or_error(self, document: D) -> Written[D] | DataError:
        try:
            return self._schema.new(document)
        except DataError as error:
            return error

    @override
    async def replace(self, document: D) -> D:
        written = self._schema.replacement(document)
        if self._schema.expires is not None:
            await self._sweep_sometimes()
            if not await self.exists(written.id):
                raise stale()
        return await self._replace(written, document.rev)

    @override
    async def put(self, document: D) -> D:
        written = self._schema.new(document)
        if self._schema.expires is not None:
            await self.sweep()
        return await self._put(written)

    async def _put(self, written: Written[D]) -> D:
        """Create or replace the document; in a loop, unless the backend has a step for it."""
        async for _ in AsyncTries(100, _WAIT):
            stored = await self._read(written.id)
            try:
                if stored is None:
                    return await self._create(written)
                return await self._replace(written, stored.rev)
            except Conflict as error:
                if "index" in error.data:  # another document has a value of a unique index
                    raise
        raise contention()

    @override
    async def update(
        self, id: str, changes: Mapping[str, Any], *, rev: str | None = None, attempts: int = 100
    ) -> D:
        check_count("attempts", attempts, most=INT32_MAX)
        return await self._revise(id, revisions.update(self._schema, changes), rev, attempts)

    @override
    async def patch(
        self, id: str, patch: Mapping[str, Any], *, rev: str | None = None, attempts: int = 100
    ) -> D:
        check_count("attempts", attempts, most=INT32_MAX)
        return await self._revise(id, revisions.patch(self._schema, patch), rev, attempts)

    async def _revise(self, id: str, revise: Revise[D], rev: str | None, attempts: int) -> D:
        if self._schema.expires is not None:
            await self._sweep_sometimes()
            revise = self._unless_expired(revise, await self._now())
        document = await self._update(id, revise, rev, attempts)
        if document is None:
            raise absent()  # only `rewrite` leaves a document as it is
        return document

    def _unless_expired(self, revise: Revise[D], now: datetime) -> Revise[D]:
        def unless_expired(id: str, rev: str, fields: Mapping[str, Any]) -> Revised[D] | None:
            if self._schema.expired(fields, now):
                raise absent()
            return revise(id, rev, fields)

        return unless_expired

    @override
    async def destroy(self, id: str, *, rev: str | None = None) -> None:
        if self._schema.expires is not None and not await self.exists(id):
            raise absent()
        await self._destroy(id, rev)

    @override
    async def rewrite(
        self,
        progress: Callable[[int, int], Any] | None = None,
        *,
        on_bad: Callable[[DataError], Any] | None = None,
    ) -> int:
        revise, total = revisions.rewrite(self._schema), await self._count(None, ())
        rewritten = done = 0
        bad: list[DataError] = []
        take = bad.append if on_bad is None else on_bad
        async for page in self._pages():
            for stored in page:
                rewritten += await self._rewrite(stored, revise, take)
            done += len(page.items)
            if progress is not None:
                progress(done, max(done, total))
        if bad:
            raise bad[0]
        return rewritten

    async def _rewrite(
        self, stored: Stored, revise: Revise[D], on_bad: Callable[[DataError], Any]
    ) -> int:
        """Store the document as the model has it now; return 1 if that changed it, else 0."""
        try:
            if revise(stored.id, stored.rev, self._schema.parsed(stored.id, stored.fields)) is None:
                return 0
            return int(await self._update(stored.id, revise, None, 100) is not None)
        except NotFound:
            return 0  # it was removed meanwhile
        except DataError as error:
            if error.retryable:
                raise
            on_bad(error)
            return 0

    # --- reading

    @override
    async def get(self, id: str) -> D:
        document = await self.find(id)
        if document is None:
            raise absent()
        return document

    @override
    async def find(self, id: str) -> D | None:
        stored = await self._read(id)
        if stored is None or await self._has_expired(stored):
            return None
        return self._load(stored)

    @override
    async def get_raw(self, id: str) -> dict[str, Any]:
        stored = await self._read(id)
        if stored is None or await self._has_expired(stored):
            raise absent()
        return {**self._schema.parsed(id, stored.fields), "id": id, "rev": stored.rev}

    @override
    async def get_many(self, ids: Sequence[str], *, on_bad: OnBad | None = None) -> list[D | None]:
        return [*await self._decoded(await self._read_many([*ids]), on_bad)]

    @override
    async def exists(self, id: str) -> bool:
        if self._schema.expires is None:
            return await self._exists(id)
        stored = await self._read(id)
        return stored is not None and not await self._has_expired(stored)

    @override
    async def check(self) -> list[DataError]:
        problems: list[DataError] = []
        async for page in self._pages():
            for stored in page:
                problems += self._problems_of(stored)
        return problems

    def _problems_of(self, stored: Stored) -> list[DataError]:
        try:
            self._load(stored)
            fields = self._schema.parsed(stored.id, stored.fields)
        except DecodeFailed as error:
            return [error]
        problems: list[DataError] = []
        for index in self._indexes.values():
            try:
                index.values(fields)
            except DataError as error:
                message = f"the index {index.name!r} leaves out the document {stored.id!r}: {error}"
                data = {"id": stored.id, "index": index.name}
                problems.append(DecodeFailed(message, data=data))
        return problems

    @override
    async def list(
        self,
        *,
        limit: int = 50,
        after: str | None = None,
        descending: bool = False,
        on_bad: OnBad | None = None,
    ) -> Page[D]:
        page = await self._page(
            None, (), start=None, end=None, descending=descending, limit=limit, after=after
        )
        return await self._documents_of(page, on_bad)

    @override
    async def query(
        self,
        index: str,
        *prefix: Any,
        start: Any = None,
        end: Any = None,
        descending: bool = False,
        limit: int = 50,
        after: str | None = None,
        on_bad: OnBad | None = None,
    ) -> Page[D]:
        self._index(index)
        page = await self._page(
            index, prefix, start=start, end=end, descending=descending, limit=limit, after=after
        )
        return await self._documents_of(page, on_bad)

    async def _documents_of(self, page: Page[Stored], on_bad: OnBad | None) -> Page[D]:
        found = await self._decoded(page.items, on_bad)
        return Page([one for one in found if one is not None], page.next, page.previous)

    async def _decoded(
        self, rows: Sequence[Stored | None], on_bad: OnBad | None
    ) -> Sequence[D | None]:
        """Return the documents, None for what is missing, has expired, or went to `on_bad`."""
        now = None if self._schema.expires is None else await self._now()
        return [self._decode(stored, now, on_bad) for stored in rows]

    def _decode(
        self, stored: Stored | None, now: datetime | None, on_bad: OnBad | None
    ) -> D | None:
        if stored is None or (now is not None and self._is_over(stored, now)):
            return None
        try:
            return self._load(stored)
        except DecodeFailed as error:
            if on_bad is None:
                raise
            on_bad(error)
            return None

    def _load(self, stored: Stored) -> D:
        """Return the document of what is stored; raise DecodeFailed if it does not validate."""
        if isinstance(stored.fields, bytes):
            return self._schema.load_json(stored.id, stored.rev, stored.fields)
        return self._schema.load(stored.id, stored.rev, stored.fields)

    @override
    async def iterate(
        self,
        index: str | None = None,
        *prefix: Any,
        start: Any = None,
        end: Any = None,
        descending: bool = False,
        on_bad: OnBad | None = None,
    ) -> AsyncIterator[D]:
        if index is None and (prefix or start is not None or end is not None):
            raise InvalidArgument("a prefix, start and end need an index")
        if index is not None:
            self._index(index)
        async for page in self._pages(
            index, *prefix, start=start, end=end, descending=descending, limit=_PAGE
        ):
            for document in await self._documents_of(page, on_bad):
                yield document

    async def _pages(
        self,
        index: str | None = None,
        *prefix: Any,
        start: Any = None,
        end: Any = None,
        descending: bool = False,
        limit: int = _SWEEP,
    ) -> AsyncIterator[Page[Stored]]:
        """Iterate over the pages of stored documents."""
        after: str | None = None
        while True:
            page = await self._page(
                index,
                prefix,
                start=start,
                end=end,
                descending=descending,
                limit=limit,
                after=after,
            )
            yield page
            if (after := page.next) is None:
                return

    @override
    async def count(self, index: str | None = None, *prefix: Any) -> int:
        if index is not None:
            self._index(index)
        if self._schema.expires is not None:
            await self.sweep()
        return await self._count(index, prefix)

    @override
    async def counts(self, index: str, depth: int = 1) -> Counts:
        check_count("depth", depth, most=len(self._index(index).fields))
        if self._schema.expires is not None:
            await self.sweep()
        return await self._counts(index, depth)

    def _index(self, name: str) -> Index:
        """Return the index of that name; raise InvalidArgument if it was not declared."""
        return declared(self._indexes, name)

    # --- expiry

    @override
    async def sweep(self) -> int:
        if self._schema.expires is None:
            raise InvalidArgument("sweep needs a repository that was made with `expires`")
        removed = 0
        async for page in self._overdue(await self._now()):
            removed += await self._remove_some(page)
        return removed

    async def _sweep_sometimes(self) -> None:
        """Remove some expired documents, at most once a second."""
        if (now := time.monotonic()) < self._next_sweep:
            return
        self._next_sweep = now + _SWEEP_EVERY
        async for page in self._overdue(await self._now()):
            await self._remove_some(page)
            return

    async def _overdue(self, now: datetime) -> AsyncIterator[Sequence[Stored]]:
        """Iterate over the expired documents, in parts."""
        end = utc_text(now + timedelta(microseconds=1))
        async for page in self._pages(EXPIRY, start="", end=end):
            yield [stored for stored in page if self._is_over(stored, now)]

    async def _remove_some(self, rows: Sequence[Stored]) -> int:
        """Remove the documents that still have these revisions; return how many."""
        removed = 0
        for stored in rows:
            try:
                await self._destroy(stored.id, stored.rev)
                removed += 1
            except (NotFound, Conflict):
                pass  # another caller has removed it or given it more time
        return removed

    async def _has_expired(self, stored: Stored) -> bool:
        return self._schema.expires is not None and self._is_over(stored, await self._now())

    def _is_over(self, stored: Stored, now: datetime) -> bool:
        try:
            fields = self._schema.parsed(stored.id, stored.fields)
        except DecodeFailed:
            return False
        return self._schema.expired(fields, now)


class AsyncTries:
    """Iterates over the attempts of a write that other writers may overtake, from 1 on.

    From the second attempt on it pauses first, so that `async for` over it is the whole loop:
    return from the body once the write has gone through, and raise `contention()` behind the loop.
    """

    def __init__(self, attempts: int, backoff: Backoff) -> None:
        self._attempts = attempts
        self._backoff = backoff
        self._made = 0

    def __aiter__(self) -> AsyncTries:
        return self

    async def __anext__(self) -> int:
        if self._made >= self._attempts:
            raise StopAsyncIteration
        if self._made:
            await asyncio.sleep(self._backoff(self._made))
        self._made += 1
        return self._made


def result_of(outcome: D | DataError) -> D:
    """Return the document of an outcome; raise the outcome if it is an error."""
    if isinstance(outcome, DataError):
        raise outcome
    return outcome
