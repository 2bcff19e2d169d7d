"""Raw documents, the JSON that CouchDB stores: built from models, and read back into models.

A raw document has the model's fields, fields that other programs stored beside them, and CouchDB's
own members, which begin with an underscore: `_id`, `_rev`, `_attachments`. One that our parser
refuses, such as one nested 300 deep, stays JSON text: its bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic_core import to_json

from datapatterns.core.codecs import dumps
from datapatterns.core.documents import Document, absent, stale
from datapatterns.core.revisions import Revise
from datapatterns.core.schema import Schema, Written
from datapatterns.couch.database.numbers import check_numbers, has_odd_numbers
from datapatterns.couch.http.paths import check_id
from datapatterns.couch.http.replies import readable, revision_in
from datapatterns.errors import InvalidArgument, InvalidData

D = TypeVar("D", bound=Document)

Raw = Mapping[str, Any]
Found = Raw | bytes


def check_document_id(id: object) -> str:
    """Return the id unchanged; raise InvalidArgument unless an ordinary document may have it."""
    id = check_id(id)
    if id.startswith("_"):
        raise InvalidArgument("an id must not begin with an underscore")
    return id


def fields_in(raw: Raw) -> dict[str, Any]:
    """Return the fields of a raw document without CouchDB's own."""
    return {name: value for name, value in raw.items() if not name.startswith("_")}


def loaded(schema: Schema[D], id: str, raw: Found) -> D:
    """Return the raw document as its model; raise DecodeFailed, with the id, if it does not fit."""
    raw = readable(id, raw)
    return schema.load(id, revision_in(raw), fields_in(raw))


def encoded(written: Written[Any], rev: str | None = None) -> bytes:
    """Return the JSON to store in place of this revision; of a new document without one.

    Raise InvalidArgument for a bad id, InvalidData for a field that CouchDB cannot store.
    """
    id = check_document_id(written.id)
    if b'"_' in written.data:
        _check_names(written.fields)
    if has_odd_numbers(written.data):
        check_numbers(written.fields)
    own = to_json({"_id": id} if rev is None else {"_id": id, "_rev": rev})
    return own[:-1] + (b"}" if written.data == b"{}" else b"," + written.data[1:])


def change(id: str, raw: Found | None, revise: Revise[D], rev: str | None) -> Written[D] | None:
    """Return what to store of the changed document, None if `revise` leaves it as it is.

    Raise NotFound if there is no such document, Conflict if `rev` is given and is not its revision.
    CouchDB's own members stay as they are, attachments as the stubs that stand for them.
    """
    if raw is None:
        raise absent()
    expected = revision_in(raw)
    if rev is not None and rev != expected:
        raise stale()
    raw = readable(id, raw)
    revised = revise(id, expected, fields_in(raw))
    if revised is None:
        return None
    own = {name: value for name, value in raw.items() if name.startswith("_")}
    data = dumps({**own, **revised.fields})
    changed = {name: value for name, value in revised.fields.items() if raw.get(name) != value}
    _check_names(changed)
    if has_odd_numbers(data):
        check_numbers(changed)
    return Written(id, revised.document, data)


def merged(schema: Schema[Any], leaves: Sequence[Raw], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the first leaf with these fields, and with the fields that only other leaves have."""
    first = leaves[0]
    found: dict[str, Any] = {}
    for leaf in reversed(leaves):
        found |= schema.upgraded(first["_id"], fields_in(leaf))
    for field in schema.fields.values():  # under a former name a value would be read before ours
        for path in field.sources:
            if len(path) == 1:
                found.pop(str(path[0]), None)
    return {**found, **fields, "_id": first["_id"], "_rev": first["_rev"]}


def _check_names(fields: Mapping[str, Any]) -> None:
    """Raise InvalidData for a field whose name CouchDB reserves."""
    if any(name.startswith("_") for name in fields):
        raise InvalidData("fields that begin with an underscore belong to CouchDB")
