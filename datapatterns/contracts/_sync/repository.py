# Generated from datapatterns/contracts/_async/repository.py by scripts/unasync.py; do not edit.
"""The contract of repositories."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from datapatterns.core.documents import Document
from datapatterns.core.pages import Page
from datapatterns.errors import DataError

D = TypeVar("D", bound=Document)


class Repository(Protocol[D]):
    """Documents of one schema, each under an id, with indexes that change in the same step.

    Stored fields that the model does not know survive `update`. A stored document that does not
    validate raises DecodeFailed with its id; `get_raw` returns it all the same. An index on a field
    that the model does not store raises InvalidArgument when the repository is made, unless the
    model allows extra fields.
    """

    def create(self, document: D) -> D:
        """Store a new document and return it with its id and revision.

        Raise Conflict (`exists`) if the id is taken, or the values of a unique index.
        """
        ...

    def create_many(self, documents: Iterable[D]) -> list[D | DataError]:
        """Store new documents and return, in their order, each one as stored, or its error.

        The documents are stored in steps; each has an outcome of its own.
        """
        ...

    def get(self, id: str) -> D:
        """Return the document; raise NotFound if it does not exist."""
        ...

    def find(self, id: str) -> D | None:
        """Return the document, None if it does not exist."""
        ...

    def get_raw(self, id: str) -> dict[str, Any]:
        """Return the stored fields without validation, with `id` and `rev`; else raise NotFound."""
        ...

    def get_many(self, ids: Sequence[str]) -> list[D | None]:
        """Return the documents in the order of the ids, None for those that do not exist."""
        ...

    def exists(self, id: str) -> bool:
        """Return whether a document with this id exists."""
        ...

    def replace(self, document: D) -> D:
        """Store the whole document in place of the revision that it carries.

        Raise Conflict (`stale_revision`) if the document is gone or has another revision.
        """
        ...

    def update(
        self, id: str, changes: Mapping[str, Any], *, rev: str | None = None, attempts: int = 100
    ) -> D:
        """Change the named fields only, and return the document.

        Without `rev` the last writer of a field wins: when another writer was faster the update
        starts over, and raises Conflict (`contention`) after so many attempts. With `rev` it raises
        Conflict (`stale_revision`) if the stored revision is another. Unknown and immutable fields
        raise InvalidData before anything is sent; its list includes wrong values of other fields.
        Raise NotFound if the document does not exist.
        """
        ...

    def destroy(self, id: str, *, rev: str | None = None) -> None:
        """Remove the document; raise NotFound if it does not exist.

        With `rev`, raise Conflict (`stale_revision`) if the stored revision is another.
        """
        ...

    def list(
        self, *, limit: int = 50, after: str | None = None, descending: bool = False
    ) -> Page[D]:
        """Return a page of documents in the order of their ids.

        `after` is the `next` or `previous` cursor of another page of this query.
        """
        ...

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
        """Return a page of documents in the order of an index, within a prefix of its fields.

        `start` (included) and `end` (excluded) bound the field behind the prefix, in the direction
        of reading; a tuple bounds several fields. Values are given as JSON stores them; an aware
        datetime stands for the text of a `UtcDatetime`, a date for its ISO text, and a naive
        datetime raises InvalidArgument.
        """
        ...

    def iterate(
        self,
        index: str | None = None,
        *prefix: Any,
        start: Any = None,
        end: Any = None,
        descending: bool = False,
    ) -> Iterator[D]:
        """Iterate over all documents of `list` or, with an index, of `query`, page by page."""
        ...

    def count(self, index: str | None = None, *prefix: Any) -> int:
        """Return the number of documents, or of those under a prefix of an index."""
        ...

    def counts(self, index: str, depth: int = 1) -> dict[Any, int]:
        """Return the number of documents for each first value of the index.

        With a `depth` above 1, for each tuple of the first `depth` values.
        """
        ...

    def ensure(self) -> None:
        """Prepare what the backend needs; unless `ensure=False`, the first operation does this."""
        ...

    def reindex(self, progress: Callable[[int, int], Any] | None = None) -> int:
        """Fill every index, in steps that can be resumed, and return the number of documents read.

        After each step `progress` is called with the number done and the total.
        """
        ...
