"""Filling an index over documents that are there already: in steps, resumable, readers unharmed.

Each index has a note on disk: which fields it orders, and how far it has been filled. A step reads
500 documents and writes their missing entries and the note in one batch; writes in between keep
the index by themselves. When all documents are through, entries that fit no document are removed.

Until a unique index is complete it hinders no writer: two documents may come to have the same
values, also behind the step that has just been made. So the last pass, over the entries, looks at
each again, and is repeated if such a pair was written meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from datapatterns import indexes as entries
from datapatterns.codecs import dumps
from datapatterns.errors import Conflict, Unavailable
from datapatterns.indexes import Index
from datapatterns.level.collection import Collection, parse, values_of
from datapatterns.level.keys import upper_bound
from datapatterns.level.transaction import Transaction

STEP = 500

Step = Callable[[Transaction], int]


def forget_undeclared(collection: Collection) -> Step:
    """Drop the notes of indexes that nobody declares: nobody keeps them from now on."""

    def work(transaction: Transaction) -> int:
        declared = {collection.note(name) for name in collection.indexes}
        first, last = collection.meta + b"index.", collection.meta + b"index/"
        gone = [key for key, _ in transaction.items(first, last) if key not in declared]
        for key in gone:
            transaction.store(key, None)
        return len(gone)

    return work


def look(collection: Collection, index: Index) -> Step:
    """Fill nothing; Unavailable if the index is not complete."""

    def work(transaction: Transaction) -> int:
        note = collection.noted(index, transaction)
        if note is None or not note["done"]:
            raise Unavailable("an index is not complete: call ensure() first")
        collection.complete |= {index.name}
        return 0

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
    note = collection.noted(index, transaction)
    state["phase"] = "fill"
    if note is not None and note["done"] and not anew:
        _finish(collection, index, state)
        return 0
    if note is not None and not note["done"]:
        state["at"] = bytes.fromhex(note["at"])
    _note(collection, index, transaction, state)
    return 0


def _finish(collection: Collection, index: Index, state: dict[str, Any]) -> None:
    state["phase"] = "done"
    collection.complete |= {index.name}


def _note(
    collection: Collection, index: Index, transaction: Transaction, state: dict[str, Any]
) -> None:
    note = {
        "fields": list(index.fields),
        "unique": index.unique,
        "done": state["phase"] == "done",
        "at": state["at"].hex() if state["phase"] == "fill" else "",
    }
    transaction.store(collection.note(index.name), dumps(note))


def _fill(
    collection: Collection, index: Index, transaction: Transaction, state: dict[str, Any]
) -> int:
    """Write the entries of the next documents."""
    prefix, end = collection.documents, upper_bound(collection.documents)
    rows = list(islice(transaction.items(prefix + state["at"], end), STEP))
    for key, value in rows:
        values = values_of(index, parse(value))
        if values is not None:
            entry = entries.entry(values, key[len(prefix) :].decode())
            _check_unique(collection, index, entry, transaction)
            transaction.store(collection.entries(index.name) + entry, b"")
    if len(rows) < STEP:
        _begin_sweep(collection, state)
    else:
        state["at"] = rows[-1][0][len(prefix) :] + b"\x00"
    _note(collection, index, transaction, state)
    return len(rows)


def _begin_sweep(collection: Collection, state: dict[str, Any]) -> None:
    state["phase"], state["at"], state["doublets"] = "sweep", b"", collection.doublets


def _sweep(
    collection: Collection, index: Index, transaction: Transaction, state: dict[str, Any]
) -> int:
    """Remove the next entries that fit no document, and look for values taken twice."""
    prefix = collection.entries(index.name)
    end = upper_bound(prefix)
    rows = list(islice(transaction.items(prefix + state["at"], end), STEP))
    for key, _ in rows:
        entry = key[len(prefix) :]
        if collection.fits(index, entry, transaction):
            _check_unique(collection, index, entry, transaction)
        else:
            transaction.store(key, None)
    if len(rows) < STEP and index.unique and state["doublets"] != collection.doublets:
        _begin_sweep(collection, state)
    elif len(rows) < STEP:
        _finish(collection, index, state)
    else:
        state["at"] = rows[-1][0][len(prefix) :] + b"\x00"
    _note(collection, index, transaction, state)
    return 0


def _check_unique(
    collection: Collection, index: Index, entry: bytes, transaction: Transaction
) -> None:
    """Conflict (`exists`) if another document has the values of this entry of a unique index."""
    if not index.unique:
        return
    id = entries.entry_id(entry)
    values = entry[: -len(entries.pack_id(id))]
    if collection.taken(index, values, id, transaction):
        message = f"two documents have the same {', '.join(index.fields)}"
        raise Conflict(message, reason="exists", data={"index": index.name})
