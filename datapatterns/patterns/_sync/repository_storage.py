# Generated from datapatterns/patterns/_async/repository_storage.py by scripts/unasync.py; do not edit.
"""What a backend brings to a repository: how it stores and finds documents, before any decoding."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from datapatterns import contracts
from datapatterns.core.counts import Counts
from datapatterns.core.documents import Document
from datapatterns.core.indexes import EXPIRY, Index, declared
from datapatterns.core.pages import Page
from datapatterns.core.revisions import Revise
from datapatterns.core.schema import Schema, Stored, Written
from datapatterns.errors import DataError

D = TypeVar("D", bound=Document)

STEP = 100  # documents that one step of going through a collection reads


class BaseStorage(contracts.Repository[D], Generic[D]):
    """The stored documents of a repository, which a backend reads and writes.

    A backend brings the abstract methods. Their arguments are checked, but for ids, which the
    backend checks. What they return is decoded by `BaseRepository`, and left out there once it
    has expired.
    """

    _many = 500  # documents that create_many stores in one step

    def __init__(self, schema: Schema[D], indexes: Mapping[str, Index]) -> None:
        self._schema = schema
        self._indexes = dict(indexes)
        if schema.expires is not None:
            index = Index(EXPIRY, schema.fields[schema.expires].name)
            self._indexes[EXPIRY] = index.of_model(schema.model)

    @abstractmethod
    def _read(self, id: str) -> Stored | None:
        """Return the stored document, None if it does not exist."""

    @abstractmethod
    def _read_many(self, ids: Sequence[str]) -> Sequence[Stored | None]:
        """Return the stored documents in the order of the ids, None for those that do not exist."""

    @abstractmethod
    def _create(self, written: Written[D]) -> D:
        """Store a new document; raise Conflict (`exists`), with `index` in its data for one."""

    @abstractmethod
    def _create_some(self, writes: Sequence[Written[D]]) -> Sequence[D | DataError]:
        """Create at most `_many` documents; return, in order, each one as stored, or its error."""

    @abstractmethod
    def _replace(self, written: Written[D], rev: str | None) -> D:
        """Store the document in place of this revision; raise Conflict if it is not the stored one.

        Call `schema.check_replaced` with what is stored, in the same step or before it.
        """

    @abstractmethod
    def _update(self, id: str, revise: Revise[D], rev: str | None, attempts: int) -> D | None:
        """Store what `revise` makes of the stored document; return None if it makes nothing.

        It is one atomic step, or repeated when another writer was faster. Raise NotFound, Conflict.
        """

    @abstractmethod
    def _destroy(self, id: str, rev: str | None) -> None:
        """Remove the document; raise NotFound, or Conflict if `rev` is given and not its own."""

    @abstractmethod
    def _exists(self, id: str) -> bool:
        """Return whether the document is stored."""

    @abstractmethod
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
        """Return a page of stored documents by id, or by an index."""

    @abstractmethod
    def _count(self, index: str | None, prefix: Sequence[Any]) -> int:
        """Count the documents, or the entries under a prefix of an index."""

    @abstractmethod
    def _counts(self, index: str, depth: int) -> Counts:
        """Count the index's entries by their first value, or by the tuple of the first `depth`."""

    def _now(self) -> datetime:
        """Return the time by which documents expire."""
        return datetime.now(UTC)

    # --- for those who read

    def _load(self, stored: Stored) -> D:
        """Return the document of what is stored; raise DecodeFailed if it does not validate."""
        if isinstance(stored.fields, bytes):
            return self._schema.load_json(stored.id, stored.rev, stored.fields)
        return self._schema.load(stored.id, stored.rev, stored.fields)

    def _pages(
        self,
        index: str | None = None,
        *prefix: Any,
        start: Any = None,
        end: Any = None,
        descending: bool = False,
        limit: int = STEP,
    ) -> Iterator[Page[Stored]]:
        """Iterate over the pages of stored documents."""
        after: str | None = None
        while True:
            page = self._page(
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

    def _index(self, name: str) -> Index:
        """Return the index of that name; raise InvalidArgument if it was not declared."""
        return declared(self._indexes, name)
