"""Filling an index over documents that are there already: in steps, resumable, readers unharmed.

Each index has a note on disk: which fields it orders, and how far it has been filled. A step reads
500 documents and writes their missing entries and the note in one batch; writes in between keep
the index by themselves. When all documents are through, entries that fit no document are removed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from datapatterns import indexes as entries
from datapatterns.codecs import dumps, loads
from datapatterns.errors import DecodeFailed
from datapatterns.indexes import Index
from datapatterns.level.collection import Collection, parse, values_of
from datapatterns.level.keys import upper_bound
from datapatterns.level.transaction import Transaction
from datapatterns.names import escape

STEP = 500

Step = Callable[[Transaction], int]


def note_key(collection: Collection, index: str) -> bytes:
    """Where the note about an index lies."""
    return collection.meta + b"index." + escape(index).encode()


def forget_undeclared(collection: Collection) -> Step:
    """Drop the notes of indexes that nobody declares: nobody keeps them from now on."""

    def work(transaction: Transaction) -> int:
        declared = {note_key(collection, name) for name in collection.indexes}
        first, last = collection.meta + b"index.", collection.meta + b"index/"
        gone = [key for key, _ in transaction.items(first, last) if key not in declared]
        for key in gone:
            transaction.store(key, None)
        return len(gone)

    return work


def steps(collection: Collection, index: Index, *, anew: bool) -> Iterator[Step]:
    """The works to run one after the other until one of them is the last; each says how many
    documents or entries it went through."""
    state: dict[str, Any] = {"phase": "begin", "at": b""}
    yield lambda transaction: _begin(collection, index, transaction, state, anew)
    while state["phase"] == "fill":
        yield lambda transaction: _fill(collection, index, transaction, state)
    while state["phase"] == "sweep":
        yield lambda transaction: _sweep(collection, index, transaction, state)


def _begin(
    collection: Collection,
    index: Index,
    transaction: Transaction,
    state: dict[str, Any],
    anew: bool,
) -> int:
    """Go on where the note says, unless there is none, it is of other fields, or all is asked."""
    data = transaction.get(note_key(collection, index.name))
    note = None if data is None else loads(data)
    state["phase"] = "fill"
    if note is not None and note["fields"] == list(index.fields):
        if note["done"] and not anew:
            state["phase"] = "done"
            return 0
        if not note["done"]:
            state["at"] = bytes.fromhex(note["at"])
    _note(collection, index, transaction, state)
    return 0


def _note(
    collection: Collection, index: Index, transaction: Transaction, state: dict[str, Any]
) -> None:
    note = {
        "fields": list(index.fields),
        "done": state["phase"] == "done",
        "at": state["at"].hex() if state["phase"] == "fill" else "",
    }
    transaction.store(note_key(collection, index.name), dumps(note))


def _fill(
    collection: Collection, index: Index, transaction: Transaction, state: dict[str, Any]
) -> int:
    """Write the entries of the next documents."""
    prefix, end = collection.documents, upper_bound(collection.documents)
    rows = list(islice(transaction.items(prefix + state["at"], end), STEP))
    for key, value in rows:
        values = values_of(index, parse(value))
        if values is not None:
            id = key[len(prefix) :].decode()
            if index.unique:
                collection.check_unique(index, values, id, transaction)
            transaction.store(collection.entries(index.name) + entries.entry(values, id), b"")
    if len(rows) < STEP:
        state["phase"], state["at"] = "sweep", b""
    else:
        state["at"] = rows[-1][0][len(prefix) :] + b"\x00"
    _note(collection, index, transaction, state)
    return len(rows)


def _sweep(
    collection: Collection, index: Index, transaction: Transaction, state: dict[str, Any]
) -> int:
    """Remove the next entries that fit no document."""
    prefix = collection.entries(index.name)
    end = upper_bound(prefix)
    rows = list(islice(transaction.items(prefix + state["at"], end), STEP))
    for key, _ in rows:
        if not _fits(collection, index, key[len(prefix) :], transaction):
            transaction.store(key, None)
    if len(rows) < STEP:
        state["phase"] = "done"
    else:
        state["at"] = rows[-1][0][len(prefix) :] + b"\x00"
    _note(collection, index, transaction, state)
    return 0


def _fits(collection: Collection, index: Index, entry: bytes, transaction: Transaction) -> bool:
    """Whether the entry is one of a document as it is now."""
    try:
        id = entries.entry_id(entry)
    except DecodeFailed:
        return False
    stored = transaction.get(collection.documents + id.encode())
    values = None if stored is None else values_of(index, parse(stored))
    return values is not None and entries.entry(values, id) == entry
