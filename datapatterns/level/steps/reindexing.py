"""The steps that fill an index over existing documents: resumable, and invisible to readers.

Each index has a note on disk with its fields and how far it has been filled. A step reads 500
documents and writes their missing entries and the note in one batch; other writes keep the index by
themselves meanwhile. After the last document, further steps remove entries that fit no document.

A unique index that is not complete refuses no write. So two documents may come to have the same
values even where a step has already been. The last pass, over the entries, therefore checks each of
them again, and is repeated if such a pair was written meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from datapatterns.core import indexes
from datapatterns.core.codecs import dumps
from datapatterns.core.indexes import Index
from datapatterns.errors import Conflict, Unavailable
from datapatterns.level.engine.keys import upper_bound
from datapatterns.level.engine.readers import Writer
from datapatterns.level.steps.collection import Collection, parse, values_of

Step = Callable[[Writer], int]

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
            values = values_of(self._index, parse(value))
            if values is not None:
                entry = indexes.entry(values, key[len(prefix) :].decode())
                self._check_unique(writer, entry)
                writer.store(self._collection.entries(self._index.name) + entry, b"")
        if len(rows) < _ROWS:
            self._begin_sweep()
        else:
            self._at = rows[-1][0][len(prefix) :] + b"\x00"
        self._note(writer)
        return len(rows)

    def _begin_sweep(self) -> None:
        self._phase, self._at, self._doublets = "sweep", b"", self._collection.doublets

    def _sweep(self, writer: Writer) -> int:
        """Remove those of the next entries that fit no document; check the others again."""
        prefix = self._collection.entries(self._index.name)
        keys = list(islice(writer.keys(prefix + self._at, upper_bound(prefix)), _ROWS))
        for key in keys:
            entry = key[len(prefix) :]
            if self._collection.fits(writer, self._index, entry):
                self._check_unique(writer, entry)
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
            "fields": list(self._index.fields),
            "unique": self._index.unique,
            "done": self._phase == "done",
            "at": self._at.hex() if self._phase == "fill" else "",
        }
        writer.store(self._collection.note(self._index.name), dumps(note))

    def _check_unique(self, writer: Writer, entry: bytes) -> None:
        """Raise Conflict (`exists`) if another document has the values of this entry."""
        if not self._index.unique:
            return
        id = indexes.entry_id(entry)
        values = entry[: -len(indexes.pack_id(id))]
        if self._collection.taken(writer, self._index, values, id):
            message = f"two documents have the same {', '.join(self._index.fields)}"
            raise Conflict(message, reason="exists", data={"index": self._index.name})
