# Generated from datapatterns/contracts/_async/repository.py by scripts/unasync.py; do not edit.
"""The contract of repositories."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from datapatterns.core.counts import Counts
from datapatterns.core.documents import Document
from datapatterns.core.pages import Page
from datapatterns.errors import DataError, DecodeFailed

D = TypeVar("D", bound=Document)


class Repository(Protocol[D]):
    """Documents of one schema, each under an id, with indexes that change in the same step.

    What is stored is read back equal, or the write raises InvalidData naming the field. Stored
    fields that the model does not know survive `update` and `patch`. A stored document that does
    not validate raises DecodeFailed with its id, also one that a newer program has stored with a
    higher `schema_version`; `get_raw` returns it all the same. An index on a field that the model
    does not store raises InvalidArgument when the repository is made, unless the model allows extra
    fields. A stored document that an index cannot hold is left out of it, logged with its id, and
    listed by `check`.

    Fields named by `immutable`, and the field that `id_from` names, change by no way. A document
    whose datetime field named by `expires` has passed is treated as absent. It is removed, with its
    index entries and a deletion in the change log, by later calls or by `sweep`.
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

    def get_many(
        self, ids: Sequence[str], *, on_bad: Callable[[DecodeFailed], Any] | None = None
    ) -> list[D | None]:
        """Return the documents in the order of the ids, None for those that do not exist.

        Raise DecodeFailed for a document that cannot be decoded, unless `on_bad` is given: then
        it is called with the error, and the document is None.
        """
        ...

    def exists(self, id: str) -> bool:
        """Return whether a document with this id exists."""
        ...

    def replace(self, document: D) -> D:
        """Store the whole document in place of the revision that it carries.

        Raise Conflict (`stale_revision`) if the document is gone or has another revision, and
        InvalidData if an immutable field differs from the stored one.
        """
        ...

    def put(self, document: D) -> D:
        """Store the whole document, whether or not its id is taken: the last writer wins.

        Raise Conflict (`exists`) for a value of a unique index that another document has, and
        InvalidData if an immutable field differs from the stored one.
        """
        ...

    def update(
        self, id: str, changes: Mapping[str, Any], *, rev: str | None = None, attempts: int = 100
    ) -> D:
        """Set the named fields to these values, each as a whole, and return the document.

        Without `rev` the last writer of a field wins: when another writer was faster the update
        starts over, and raises Conflict (`contention`) after so many attempts. With `rev` it raises
        Conflict (`stale_revision`) if the stored revision is another. Unknown and immutable fields
        raise InvalidData before anything is sent; its list includes wrong values of other fields.
        Raise NotFound if the document does not exist.
        """
        ...

    def patch(
        self, id: str, patch: Mapping[str, Any], *, rev: str | None = None, attempts: int = 100
    ) -> D:
        """Apply a JSON Merge Patch (RFC 7396) to the stored document, and return the document.

        Nested objects keep the members that the patch does not name; null removes a member, so that
        a field has its default again; an array is replaced. The patch has JSON values under the
        names of fields or, within nested objects, the names that these have in JSON; one that the
        nested model does not store raises InvalidData. Other errors are those of `update`; a patch
        that is no object raises InvalidArgument.
        """
        ...

    def destroy(self, id: str, *, rev: str | None = None) -> None:
        """Remove the document; raise NotFound if it does not exist.

        With `rev`, raise Conflict (`stale_revision`) if the stored revision is another.
        """
        ...

    def check(self) -> list[DataError]:
        """Return an error for each stored document that cannot be decoded, or indexed, with its id.

        It reads the whole collection.
        """
        ...

    def list(
        self,
        *,
        limit: int = 50,
        after: str | None = None,
        descending: bool = False,
        on_bad: Callable[[DecodeFailed], Any] | None = None,
    ) -> Page[D]:
        """Return a page of documents in the order of their ids.

        `after` is the `next` or `previous` cursor of another page of this query. Raise DecodeFailed
        for a document that cannot be decoded, unless `on_bad` is given: then it is called with the
        error, and the page goes on without that document.
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
        on_bad: Callable[[DecodeFailed], Any] | None = None,
    ) -> Page[D]:
        """Return a page of documents in the order of an index, within a prefix of its fields.

        `start` (included) and `end` (excluded) bound the field behind the prefix, in the direction
        of reading; a tuple bounds several fields. Values are given as JSON stores them; an aware
        datetime stands for the text of a `UtcDatetime`, a date for its ISO text, a UUID for its
        text, a member of an Enum for its value; a naive datetime raises InvalidArgument. An index
        with `Each` may give a document several times. `on_bad` is that of `list`.
        """
        ...

    def iterate(
        self,
        index: str | None = None,
        *prefix: Any,
        start: Any = None,
        end: Any = None,
        descending: bool = False,
        on_bad: Callable[[DecodeFailed], Any] | None = None,
    ) -> Iterator[D]:
        """Iterate over all documents of `list` or, with an index, of `query`, page by page."""
        ...

    def count(self, index: str | None = None, *prefix: Any) -> int:
        """Return the number of documents, or of those under a prefix of an index."""
        ...

    def counts(self, index: str, depth: int = 1) -> Counts:
        """Return the number of index entries for each first value of the index.

        With a `depth` above 1, for each tuple of the first `depth` values. The result is a mapping
        in which True and 1 are different keys.
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

    def rewrite(
        self,
        progress: Callable[[int, int], Any] | None = None,
        *,
        on_bad: Callable[[DataError], Any] | None = None,
    ) -> int:
        """Store every document as the model has it now, and return how many that changed.

        Documents of earlier schema versions are upgraded; fields are stored under their present
        names, defaults included; fields that the model does not know stay. Each document is one
        write that keeps what others change meanwhile, and a change for followers. Call it again
        after an interruption: it passes over what is done. `progress` is called after each step
        with the number of documents read and the total.

        Go on past a document that cannot be rewritten, and raise the first such error at the end,
        unless `on_bad` takes them.
        """
        ...

    def sweep(self) -> int:
        """Remove the documents that have expired, and return how many.

        Raise InvalidArgument if the repository was made without `expires`.
        """
        ...
