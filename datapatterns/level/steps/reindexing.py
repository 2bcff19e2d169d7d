"""The steps that fill an index over existing documents: resumable, and invisible to readers.

Each index has a note on disk with its definition and how far it has been filled. A step reads 500
documents and writes their missing entries and the note in one batch; other writes keep the index by
themselves meanwhile. After the last document, further steps remove entries that fit no document,
such as those of an earlier definition. A document that the index cannot hold is logged, and left
out.

A unique index that is not complete refuses no write. So two documents may come to have the same
values even where a step has already been. The last pass, over the entries, therefore checks each of
them again, and is repeated if such a pair was written meanwhile.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from itertools import islice

from datapatterns.core import indexes
from datapatterns.core.codecs import dumps
from datapatterns.core.indexes import Index
from datapatterns.errors import IndexNotUnique, Unavailable
from datapatterns.level.engine.keys import upper_bound
from datapatterns.level.engine.readers import Writer
from datapatterns.level.steps.collection import Collection, entries_of, id_of_entry
from datapatterns.level.steps.stored_form import stored_fields

Step = Callable[[Writer], int]

logger = logging.getLogger("datapatterns.indexes")

_ROWS = 500  # documents or entries that one step goes through


def forget_undeclared(writer: Writer, collection: Collection) -> int:
    """Drop the notes of indexes that nobody declares: from now on nobody keeps these indexes."""
    declared = {collection.note(name) for name in collection.indexes}
    first, last = collection.meta + b"index.", collection.meta + b"index/"
    gone = [key for key in writer.keys(first, last) if key not in declared]
    for key in gone:
        writer.store(key, None)
    return len(gone)


def require_complete(writer: Writer, collection: Collection, index: Index) -> int:
    """Raise Unavailable if the index is not complete."""
    note = collection.noted(writer, index)
    if note is None or not note["done"]:
        raise Unavailable("an index is not complete: call ensure() first")
    collection.complete |= {index.name}
    return 0


class Filling:
    """Fills one index from where its note says, or from the beginning if it is told `anew`."""

    def __init__(self, collection: Collection, index: Index, *, anew: bool) -> None:
        self._collection, self._index, self._anew = collection, index, anew
        self._phase = "begin"
        self._at = b""  # where the next step goes on
        self._doublets = 0

    def steps(self) -> Iterator[Step]:
        """Iterate over the steps to run, one after the other; each returns how many documents
        it went through."""
        yield self._begin
        while self._phase == "fill":
            yield self._fill
        while self._phase == "sweep":
            yield self._sweep

    def _begin(self, writer: Writer) -> int:
        note = self._collection.noted(writer, self._index)
        if note is not None and note["done"] and not self._anew:
            self._finish()
            return 0
        self._phase = "fill"
        if note is not None and not note["done"]:
            self._at = bytes.fromhex(note["at"])
        self._note(writer)
        return 0

    def _fill(self, writer: Writer) -> int:
        """Write the entries of the next documents."""
        prefix = self._collection.documents
        rows = list(islice(writer.items(prefix + self._at, upper_bound(prefix)), _ROWS))
        for key, value in rows:
            self._fill_in(writer, key[len(prefix) :], value)
        if len(rows) < _ROWS:
            self._begin_sweep()
        else:
            self._at = rows[-1][0][len(prefix) :] + b"\x00"
        self._note(writer)
        return len(rows)

    def _fill_in(self, writer: Writer, key: bytes, value: bytes) -> None:
        """Write the entries of one document."""
        try:
            id = key.decode()
        except UnicodeDecodeError:
            logger.warning("the index %r leaves out %r, which is no id", self._index.name, key)
            return
        prefix = self._collection.entries(self._index.name)
        for values in entries_of(self._index, id, stored_fields(value)):
            self._check_unique(writer, values, id)
            writer.store(prefix + indexes.entry(values, id), b"")

    def _begin_sweep(self) -> None:
        self._phase, self._at, self._doublets = "sweep", b"", self._collection.doublets

    def _sweep(self, writer: Writer) -> int:
        """Remove those of the next entries that fit no document; check the others again."""
        prefix = self._collection.entries(self._index.name)
        keys = list(islice(writer.keys(prefix + self._at, upper_bound(prefix)), _ROWS))
        for key in keys:
            entry = key[len(prefix) :]
            id = id_of_entry(entry)
            if id is not None and self._collection.fits(writer, self._index, entry):
                self._check_unique(writer, entry[: -len(indexes.pack_id(id))], id)
            else:
                writer.store(key, None)
        if len(keys) == _ROWS:
            self._at = keys[-1][len(prefix) :] + b"\x00"
        elif self._index.unique and self._doublets != self._collection.doublets:
            self._begin_sweep()
        else:
            self._finish()
        self._note(writer)
        return 0

    def _finish(self) -> None:
        self._phase = "done"
        self._collection.complete |= {self._index.name}

    def _note(self, writer: Writer) -> None:
        note = {
            "definition": self._index.definition(),
            "done": self._phase == "done",
            "at": self._at.hex() if self._phase == "fill" else "",
        }
        writer.store(self._collection.note(self._index.name), dumps(note))

    def _check_unique(self, writer: Writer, values: bytes, id: str) -> None:
        """Raise IndexNotUnique, and log it, if another document has these values."""
        index = self._index
        other = self._collection.holder(writer, index, values, id) if index.unique else None
        if other is None:
            return
        error = IndexNotUnique(
            f"the unique index {index.name!r} cannot be filled: the documents {other!r} and {id!r}"
            f" have the same {', '.join(index.fields)}",
            data={"index": index.name, "ids": [other, id]},
        )
        logger.error("%s", error)
        raise error
