"""What repositories of every backend share: reading, creating many, iterating, starting over."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from typing_extensions import override

from datapatterns import contracts
from datapatterns.core.backoff import Backoff
from datapatterns.core.checks import INT32_MAX, check_count
from datapatterns.core.documents import Document, Schema, absent, check_changes, load
from datapatterns.core.indexes import Index, declared
from datapatterns.errors import DataError, InvalidArgument

D = TypeVar("D", bound=Document)
W = TypeVar("W")

Stored = tuple[str, dict[str, Any]]  # the revision and the fields of a stored document

_PAGE = 500  # documents that iterate reads in one step


class AsyncBaseRepository(contracts.AsyncRepository[D], Generic[D, W]):
    """The part of a repository that does not depend on the backend; `W` is its prepared write.

    A backend brings, beside the methods of the contract that are not here:

    - `_read` and `_read_many`, which return the revisions and the fields of stored documents;
    - `_creation`, which prepares the write of a new document, and `_create_some`, which carries
      out at most `_many` of these;
    - `_update`, in one atomic step, or as often as `AsyncTries` says;
    - `_counts`.

    The arguments of `_update` and `_counts` are checked; ids are checked by the backend.
    """

    _many = 500  # documents that create_many stores in one step

    def __init__(self, schema: Schema[D], indexes: Mapping[str, Index]) -> None:
        self._schema = schema
        self._indexes = indexes

    @abstractmethod
    async def _read(self, id: str) -> Stored | None:
        """Return the stored document, None if it does not exist."""

    @abstractmethod
    async def _read_many(self, ids: Sequence[str]) -> Sequence[Stored | None]:
        """Return the stored documents in the order of the ids, None for those that do not exist."""

    @abstractmethod
    def _creation(self, document: D) -> W:
        """Return the write that creates the document; raise InvalidData if it is not valid."""

    @abstractmethod
    async def _create_some(self, writes: Sequence[W]) -> Sequence[D | DataError]:
        """Create the documents and return, in order, each one as it is stored, or its error."""

    @abstractmethod
    async def _update(
        self, id: str, changes: Mapping[str, Any], rev: str | None, attempts: int
    ) -> D:
        """Merge the changes into what is stored; see `update`."""

    @abstractmethod
    async def _counts(self, index: str, depth: int) -> dict[Any, int]:
        """Count the index's entries by their first value, or by the tuple of the first `depth`."""

    @override
    async def create_many(self, documents: Iterable[D]) -> list[D | DataError]:
        everything = list(documents)
        outcomes: list[D | DataError] = []
        for at in range(0, len(everything), self._many):
            outcomes += await self._create_part(everything[at : at + self._many])
        return outcomes

    async def _create_part(self, documents: Sequence[D]) -> list[D | DataError]:
        begun = [self._creation_or_error(document) for document in documents]
        sent = [one for one in begun if not isinstance(one, DataError)]
        created = iter(await self._create_some(sent) if sent else ())
        return [one if isinstance(one, DataError) else next(created) for one in begun]

    def _creation_or_error(self, document: D) -> W | DataError:
        try:
            return self._creation(document)
        except DataError as error:
            return error

    @override
    async def update(
        self, id: str, changes: Mapping[str, Any], *, rev: str | None = None, attempts: int = 100
    ) -> D:
        check_count("attempts", attempts, most=INT32_MAX)
        check_changes(changes, self._schema.model, self._schema.immutable)
        return await self._update(id, changes, rev, attempts)

    @override
    async def get(self, id: str) -> D:
        document = await self.find(id)
        if document is None:
            raise absent()
        return document

    @override
    async def find(self, id: str) -> D | None:
        return self._loaded(id, await self._read(id))

    @override
    async def get_raw(self, id: str) -> dict[str, Any]:
        stored = await self._read(id)
        if stored is None:
            raise absent()
        rev, fields = stored
        return {**fields, "id": id, "rev": rev}

    @override
    async def get_many(self, ids: Sequence[str]) -> list[D | None]:
        ids = list(ids)
        found = await self._read_many(ids)
        return [self._loaded(id, stored) for id, stored in zip(ids, found, strict=True)]

    def _loaded(self, id: str, stored: Stored | None) -> D | None:
        """Return the document of what is stored; raise DecodeFailed if it does not validate."""
        return None if stored is None else load(self._schema.model, id, *stored)

    @override
    async def iterate(
        self,
        index: str | None = None,
        *prefix: Any,
        start: Any = None,
        end: Any = None,
        descending: bool = False,
    ) -> AsyncIterator[D]:
        if index is None and (prefix or start is not None or end is not None):
            raise InvalidArgument("a prefix, start and end need an index")
        after: str | None = None
        while True:
            if index is None:
                page = await self.list(limit=_PAGE, after=after, descending=descending)
            else:
                page = await self.query(
                    index,
                    *prefix,
                    start=start,
                    end=end,
                    descending=descending,
                    limit=_PAGE,
                    after=after,
                )
            for document in page:
                yield document
            if (after := page.next) is None:
                return

    @override
    async def counts(self, index: str, depth: int = 1) -> dict[Any, int]:
        check_count("depth", depth, most=len(self._index(index).fields))
        return await self._counts(index, depth)

    def _index(self, name: str) -> Index:
        """Return the index of that name; raise InvalidArgument if it was not declared."""
        return declared(self._indexes, name)


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
