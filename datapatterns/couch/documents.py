"""Documents as CouchDB stores them: what is computed before and after the trip to the server.

The JSON of a document is the model's fields, whatever others stored beside them, and CouchDB's own
members, which begin with an underscore: `_id`, `_rev`, `_attachments`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from datapatterns.codecs import dumps
from datapatterns.couch.paths import check_id
from datapatterns.documents import Document, Schema, document_id, load, revise
from datapatterns.errors import BadGateway, Conflict, InvalidArgument, InvalidData, NotFound

D = TypeVar("D", bound=Document)

Raw = Mapping[str, Any]


def check_document_id(id: object) -> str:
    """The id as it came; InvalidArgument for one that CouchDB keeps for itself, or not at all."""
    id = check_id(id)
    if id.startswith("_"):
        raise InvalidArgument("an id must not begin with an underscore")
    return id


def revision_of(raw: Raw) -> str:
    """The revision that a stored document carries."""
    rev = raw.get("_rev")
    if not isinstance(rev, str):
        raise BadGateway("the server answered something that CouchDB does not")
    return rev


def fields_in(raw: Raw) -> dict[str, Any]:
    """The fields of a stored document, less CouchDB's own."""
    return {name: value for name, value in raw.items() if not name.startswith("_")}


def loaded(model: type[D], id: str, raw: Raw) -> D:
    """The stored document as its model; DecodeFailed, naming the id, if it does not fit."""
    return load(model, id, revision_of(raw), fields_in(raw))


@dataclass(frozen=True, slots=True)
class Write(Generic[D]):
    """A document on its way: its id, its whole JSON, and what it is once that is stored."""

    id: str
    data: bytes
    made: D
    expected: str = ""

    def done(self, rev: str) -> D:
        """The document as it is stored now."""
        self.made.id, self.made.rev = self.id, rev
        return self.made


def creation(schema: Schema[D], document: D) -> Write[D]:
    """The write of a new document."""
    made, fields = schema.checked(document)
    id = check_document_id(document_id(document, schema.id_from))
    return Write(id, _encoded({"_id": id}, fields), made)


def replacement(schema: Schema[D], document: D) -> Write[D]:
    """The write of a whole document over the revision it carries."""
    made, fields = schema.checked(document)
    id = check_document_id(document.id)
    if schema.id_from is not None and getattr(document, schema.id_from) != id:
        raise InvalidData.field(schema.id_from, "cannot be changed", "frozen_field")
    if not isinstance(document.rev, str):
        raise stale()
    return Write(id, _encoded({"_id": id, "_rev": document.rev}, fields), made, document.rev)


def change(
    schema: Schema[D], id: str, raw: Raw | None, changes: Mapping[str, Any], rev: str | None
) -> Write[D]:
    """The write of some fields over what is stored; NotFound, or Conflict if `rev` is another.

    All else that is stored goes along as it came, attachments as the stubs that stand for them.
    """
    if raw is None:
        raise absent()
    expected = revision_of(raw)
    if rev is not None and rev != expected:
        raise stale()
    fields = revise(fields_in(raw), changes, schema.model, update_model=schema.update_model)
    made = load(schema.model, id, expected, fields)
    return Write(id, dumps({**raw, **fields}), made, expected)


def merged(leaves: Sequence[Raw], fields: Mapping[str, Any]) -> dict[str, Any]:
    """The first of a document's revisions with these fields, and what only the others have."""
    found: dict[str, Any] = {}
    for leaf in reversed(leaves):
        found |= fields_in(leaf)
    first = leaves[0]
    return {**found, **fields, "_id": first["_id"], "_rev": first["_rev"]}


def _encoded(own: dict[str, str], fields: dict[str, Any]) -> bytes:
    if any(name.startswith("_") for name in fields):
        raise InvalidData("fields that begin with an underscore belong to CouchDB")
    return dumps({**own, **fields})


def absent() -> NotFound:
    """The error for a document that is not there."""
    return NotFound("there is no such document")


def stale() -> Conflict:
    """The error for a revision that is not the stored one."""
    return Conflict("the document has changed since it was read")
