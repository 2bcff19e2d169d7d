"""Inspection of a directory: whether documents, index entries and change logs fit together.

One pass goes over all rows in order. For an index entry or a change it looks up the document, for a
document its entries and its change. It remembers nothing but counts, so its memory is bounded.
"""

from __future__ import annotations

import re
import struct
from collections import Counter
from typing import Any
from urllib.parse import unquote_to_bytes

from datapatterns.core import indexes
from datapatterns.core.codecs import loads
from datapatterns.core.indexes import Index
from datapatterns.errors import DataError
from datapatterns.level.engine.engine import Engine
from datapatterns.level.engine.keys import enclosing
from datapatterns.level.engine.readers import Reader
from datapatterns.level.steps.collection import Collection, id_of_entry, parse_change
from datapatterns.level.steps.stored_form import parse, revision, revision_of

NUMBER = struct.Struct(">Q")

# The prefix of a client, one of our sublevels, and the collection (with its index) it is about.
OWN = re.compile(rb"((?:![#%-~][#-~]*!)*)!\$(index|changes|deleted|meta)!!([#-~]+)!")


class Inspection:
    """Looks at rows, and counts what is wrong with them."""

    def __init__(self, reader: Reader, engine: Engine) -> None:
        self._reader = reader
        self._kept: dict[bytes, Collection] = {
            shared.documents: shared
            for shared in list(engine.shared.values())
            if isinstance(shared, Collection)
        }
        self._filled: dict[bytes, bool] = {}
        self._found: Counter[str] = Counter()

    def problems(self) -> list[str]:
        """Return each kind of problem with its count."""
        return [f"{text}: {count}" for text, count in self._found.items()]

    def look_at(self, key: bytes, value: bytes) -> None:
        """Compare the row with the rows it belongs to."""
        if not key.startswith(b"!"):
            return
        for prefix in enclosing(key):
            if collection := self._kept.get(prefix):
                self._look_at_document(collection, key[len(prefix) :], value)
                return
        if own := OWN.match(key):
            rest = key[own.end() :]
            match own[2]:
                case b"index":
                    self._look_at_entry(own[1], own[3], rest)
                case b"changes":
                    self._look_at_change(own[1], own[3], rest, value)
                case b"deleted":
                    if self._get(documents_prefix(own[1], own[3]) + rest) is not None:
                        self._report(own[3], "documents that are marked as deleted")
                case _:
                    pass

    def _report(self, name: bytes, problem: str) -> None:
        shown = unquote_to_bytes(name).decode(errors="replace")
        self._found[f"collection {shown!r}, {problem}"] += 1

    def _get(self, key: bytes) -> bytes | None:
        return self._reader.get(key)

    def _look_at_document(self, collection: Collection, id: bytes, value: bytes) -> None:
        name = collection.name.encode()
        try:
            fields, text = parse(value), id.decode()
            number = int(revision(fields))
        except (DataError, ValueError):
            self._report(name, "documents that are no JSON objects with an id and a revision")
            return
        for index in collection.indexes.values():
            if self._is_filled(collection.note(index.name)):
                self._look_for_entries(collection, index, text, fields)
        # Of a full log, old changes may have been trimmed; number 0 was written past this library.
        if _keeps_latest(collection) and number:
            change = self._get(collection.change_key(number))
            if change is None or parse_change(change) != (text, False):
                self._report(name, "documents without their change")

    def _look_for_entries(
        self, collection: Collection, index: Index, id: str, fields: dict[str, Any]
    ) -> None:
        name, prefix = collection.name.encode(), collection.entries(index.name)
        try:
            entries = [indexes.entry(values, id) for values in index.values(fields)]
        except DataError:
            self._report(name, f"documents that the index {index.name!r} leaves out")
            return
        if any(self._get(prefix + entry) is None for entry in entries):
            self._report(name, f"documents missing from the index {index.name!r}")

    def _look_at_entry(self, client: bytes, name: bytes, rest: bytes) -> None:
        name, _, index = name.partition(b".")
        if not self._is_filled(b"%b!$meta!!%b!index.%b" % (client, name, index)):
            return
        shown = unquote_to_bytes(index).decode(errors="replace")
        id = id_of_entry(rest)
        if id is None:
            self._report(name, f"entries of the index {shown!r} that are none")
            return
        documents = documents_prefix(client, name)
        stored = self._get(documents + id.encode())
        if stored is None:
            self._report(name, f"entries of the index {shown!r} without a document")
            return
        collection = self._kept.get(documents)
        declared = collection.indexes.get(shown) if collection else None
        if declared is not None and not _fits(declared, stored, rest, id):
            self._report(name, f"entries of the index {shown!r} that fit no document")

    def _look_at_change(self, client: bytes, name: bytes, rest: bytes, value: bytes) -> None:
        change = parse_change(value)
        if change is None or len(rest) != NUMBER.size:
            self._report(name, "changes that are none")
            return
        number, documents = NUMBER.unpack(rest)[0], documents_prefix(client, name)
        id, deleted = change
        last = stored_number(self._get(documents + id.encode()))
        collection = self._kept.get(documents)
        if last is not None and last < number:
            self._report(name, "documents older than their change")
        elif last is None and not deleted and collection and _keeps_latest(collection):
            self._report(name, "changes without their document")

    def _is_filled(self, note_key: bytes) -> bool:
        """Return whether the index is complete; until then entries may be missing."""
        if note_key not in self._filled:
            note = self._get(note_key)
            self._filled[note_key] = note is not None and loads(note)["done"]
        return self._filled[note_key]


def _keeps_latest(collection: Collection) -> bool:
    """Return whether the log is known to have one change for each document."""
    return collection.log_chosen and collection.log == "latest"


def documents_prefix(client: bytes, name: bytes) -> bytes:
    """Return the prefix of the documents of the collection with that escaped name."""
    return b"%b!%b!" % (client, name)


def _fits(index: Index, stored: bytes, rest: bytes, id: str) -> bool:
    try:
        found = index.values(parse(stored))
    except DataError:
        return True  # said of the document itself
    return any(indexes.entry(values, id) == rest for values in found)


def stored_number(stored: bytes | None) -> int | None:
    """Return the number of a document's last change: 0 if it has none, None without a document."""
    if stored is None:
        return None
    try:
        return int(revision_of(stored))
    except ValueError:
        return 0
