"""What repositories of every backend share: checking, loading, starting over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from typing_extensions import override

from datapatterns.core import revisions
from datapatterns.core.backoff import Backoff
from datapatterns.core.checks import INT32_MAX, check_count
from datapatterns.core.counts import Counts
from datapatterns.core.documents import Document, absent, contention, stale
from datapatterns.core.pages import Page
from datapatterns.core.revisions import Revise
from datapatterns.core.schema import Stored, Written
from datapatterns.errors import Conflict, DataError, DecodeFailed, InvalidArgument
from datapatterns.patterns._async.repository_upkeep import AsyncBaseUpkeep

D = TypeVar("D", bound=Document)

OnBad = Callable[[DecodeFailed], Any]

_PAGE = 500  # documents that iterate reads in one step
_WAIT = Backoff(0.002, 0.25)  # before a put starts over


class AsyncBaseRepository(AsyncBaseUpkeep[D]):
    """The part of a repository that does not depend on the backend.

    A backend brings the abstract methods of `AsyncBaseStorage`. What these return is decoded
    here, and left out here once it has expired.
    """

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

    @override
    async def destroy(self, id: str, *, rev: str | None = None) -> None:
        if self._schema.expires is not None and not await self.exists(id):
            raise absent()
        await self._destroy(id, rev)

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
