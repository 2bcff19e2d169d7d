"""Raw documents, the JSON that CouchDB stores: built from models, and read back into models.

A raw document has the model's fields, fields that other programs stored beside them, and CouchDB's
own members, which begin with an underscore: `_id`, `_rev`, `_attachments`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from datapatterns.core.codecs import dumps
from datapatterns.core.documents import (
    Document,
    Schema,
    absent,
    document_id,
    load,
    revise,
    stale,
)
from datapatterns.couch.http.errors import unexpected_answer
from datapatterns.couch.http.paths import check_id
from datapatterns.errors import InvalidArgument, InvalidData

D = TypeVar("D", bound=Document)

Raw = Mapping[str, Any]


def check_document_id(id: object) -> str:
    """Return the id unchanged; raise InvalidArgument unless an ordinary document may have it."""
    id = check_id(id)
    if id.startswith("_"):
        raise InvalidArgument("an id must not begin with an underscore")
    return id


def revision_of(raw: Raw) -> str:
    """Return the revision in a raw document; raise BadGateway if it has none."""
    rev = raw.get("_rev")
    if not isinstance(rev, str):
        raise unexpected_answer()
    return rev


def fields_in(raw: Raw) -> dict[str, Any]:
    """Return the fields of a raw document without CouchDB's own."""
    return {name: value for name, value in raw.items() if not name.startswith("_")}


def loaded(model: type[D], id: str, raw: Raw) -> D:
    """Return the raw document as its model; raise DecodeFailed, with the id, if it does not fit."""
    return load(model, id, revision_of(raw), fields_in(raw))


@dataclass(frozen=True, slots=True)
class Write(Generic[D]):
    """A document to store: its id, its whole JSON, and the model that is returned afterwards."""

    id: str
    data: bytes
    document: D
    expected: str = ""  # the revision that it replaces

    def done(self, rev: str) -> D:
        """Return the document, now stored under that revision."""
        self.document.id, self.document.rev = self.id, rev
        return self.document


def creation(schema: Schema[D], document: D) -> Write[D]:
    """Return the write of a new document."""
    checked, fields = schema.checked(document)
    id = check_document_id(document_id(document, schema.id_from))
    return Write(id, _encoded({"_id": id}, fields), checked)


def replacement(schema: Schema[D], document: D) -> Write[D]:
    """Return the write of a whole document over the revision it carries."""
    checked, fields = schema.checked(document)
    id = check_document_id(document.id)
    if schema.id_from is not None and getattr(document, schema.id_from) != id:
        raise InvalidData.field(schema.id_from, "cannot be changed", "frozen_field")
    if not isinstance(document.rev, str):
        raise stale()
    return Write(id, _encoded({"_id": id, "_rev": document.rev}, fields), checked, document.rev)


def change(
    schema: Schema[D], id: str, raw: Raw | None, changes: Mapping[str, Any], rev: str | None
) -> Write[D]:
    """Return the write of some fields over the stored document `raw`.

    Raise NotFound if there is no such document, Conflict if `rev` is given and is not its revision.
    All other members stay as they are, attachments as the stubs that stand for them.
    """
    if raw is None:
        raise absent()
    expected = revision_of(raw)
    if rev is not None and rev != expected:
        raise stale()
    fields = revise(fields_in(raw), changes, schema.model, update_model=schema.update_model)
    document = load(schema.model, id, expected, fields)
    return Write(id, dumps({**raw, **fields}), document, expected)


def merged(leaves: Sequence[Raw], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the first leaf with these fields, and with the fields that only other leaves have."""
    found: dict[str, Any] = {}
    for leaf in reversed(leaves):
        found |= fields_in(leaf)
    first = leaves[0]
    return {**found, **fields, "_id": first["_id"], "_rev": first["_rev"]}


def _encoded(own: dict[str, str], fields: dict[str, Any]) -> bytes:
    """Return CouchDB's own members and the fields as JSON; raise InvalidData for reserved names."""
    if any(name.startswith("_") for name in fields):
        raise InvalidData("fields that begin with an underscore belong to CouchDB")
    return dumps({**own, **fields})
