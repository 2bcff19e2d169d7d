"""The steps of a changes feed: reading the change log with its documents, and trimming it."""

from __future__ import annotations

from itertools import islice
from typing import Any, Generic, TypeVar

from datapatterns.core.changes import Change
from datapatterns.core.documents import Document
from datapatterns.core.schema import Schema
from datapatterns.errors import DataError, InvalidArgument
from datapatterns.level.engine.readers import Reader, Writer
from datapatterns.level.steps.changes_worker import ProgressSteps
from datapatterns.level.steps.collection import Collection, Entry
from datapatterns.level.steps.stored_form import revision_of

M = TypeVar("M", bound=Document)


class ChangesSteps(Generic[M]):
    """The steps over the change log of one collection; see `collection` for its keys."""

    def __init__(
        self, collection: Collection, model: type[M] | None, *, include_docs: bool
    ) -> None:
        self._collection, self._include_docs = collection, include_docs
        self._schema = Schema(model or Document, read_only=True)
        self._raw = model is None

    def position(self, reader: Reader, since: str | None) -> int:
        """Return the number that `since` stands for; raise InvalidArgument for another value."""
        if since is None:
            return 0
        if since == "now":
            return self._collection.head(reader)
        if isinstance(since, str) and since.isascii() and since.isdigit():  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
            number = int(since)
            if number < 2**64:
                return number
        raise InvalidArgument("since is a position of this feed, 'now' or None")

    def batch(self, reader: Reader, after: int, limit: int) -> list[Change[M]]:
        """Return the changes after that number with their documents, at most `limit`."""
        if self._collection.log is None:
            raise InvalidArgument(
                "this collection keeps no change log: its repository says change_log=None"
            )
        entries = islice(self._collection.changes_after(reader, after), limit)
        return [self._change(reader, entry) for entry in entries]

    def lag(self, reader: Reader, since: str | None) -> int:
        """Count the changes after the position."""
        position = self.position(reader, since)
        return sum(1 for _ in self._collection.changes_after(reader, position))

    def trim(self, writer: Writer, workers: ProgressSteps) -> int:
        """Remove what every worker with a saved position has passed; return how much."""
        lowest = workers.lowest(writer)
        return 0 if lowest is None else self._collection.trim(writer, lowest)

    def _change(self, reader: Reader, entry: Entry) -> Change[M]:
        seq = str(entry.number)
        if entry.deleted or not self._include_docs:
            return Change(entry.id, seq, seq, entry.deleted)
        data = reader.get(self._collection.key(entry.id))
        if data is None:  # only in a full log: a later entry deleted it
            return Change(entry.id, seq, seq, entry.deleted)
        return Change(entry.id, seq, seq, entry.deleted, self._document(entry.id, data))

    def _document(self, id: str, data: bytes) -> Any:
        """Return the document, or the error that `Change.document` raises in its place."""
        rev = revision_of(data)
        try:
            if self._raw:
                return {**self._schema.parsed(id, data), "id": id, "rev": rev}
            return self._schema.load_json(id, rev, data)
        except DataError as error:
            return error
