"""Documents on their way into a store."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, Field

from datapatterns.core.documents import Document
from datapatterns.core.schema import Schema
from datapatterns.errors import DecodeFailed, InvalidArgument, InvalidData


class Package(Document):
    """A document whose id is the value of a field with a rule."""

    name: str = Field(min_length=1)
    size: int = Field(0, ge=0)


@pytest.mark.parametrize("values", [{"name": "", "size": -1}, {"name": None, "size": -1}])
def test_all_errors_of_a_document_without_its_id_are_listed(values: dict[str, Any]) -> None:
    """A field that gives the id and does not validate is InvalidData, like every other field."""
    schema = Schema(Package, id_from="name")
    with pytest.raises(InvalidData) as refused:
        schema.new(Package.model_construct(id="1", rev=None, **values))
    assert [error["loc"] for error in refused.value.errors] == [("name",), ("size",)]
    with pytest.raises(InvalidData):
        schema.new(Package.model_construct(id="1", rev=None, **dict[str, Any]()))


def test_an_id_that_the_model_allows_must_still_be_one() -> None:
    """An empty id is InvalidArgument where the model accepts it."""

    class Loose(Document):
        name: str

    with pytest.raises(InvalidArgument):
        Schema(Loose, id_from="name").new(Loose(name=""))


def test_a_replaced_document_obeys_the_model_for_changes() -> None:
    """Fields that differ are validated by `update_model`, and only these."""

    class Change(BaseModel):
        name: str = Field("x", pattern="^[a-z]+$")
        size: int = Field(0, le=10)

    schema = Schema(Package, update_model=Change)
    before = {"name": "Box", "size": 11}
    schema.check_replaced("1", before, {"name": "Box", "size": 11})
    schema.check_replaced("1", before, {"name": "crate", "size": 11})
    for after in ({"name": "Crate", "size": 11}, {"name": "Box", "size": 12}):
        with pytest.raises(InvalidData):
            schema.check_replaced("1", before, after)


@pytest.mark.parametrize(
    "stored",
    [
        b'{"name":"a","size":3}',
        b'{"id":[1],"name":"a","rev":{"x":1},"size":3}',
        b'{"\\u0069d":7,"name":"a","size":3,"rev":7}',
        b' {"name":"a","size":3} \n',
        b'{"name":"a","size":3,"cost":"$5","_rev":"12"}',
        b'{"name":"a","size":3,"deep":%b%b}' % (b"[" * 150, b"]" * 150),
    ],
)
def test_stored_json_is_read_as_its_fields_are(stored: bytes) -> None:
    """Members of other programs disturb neither, also if they are named as ours."""
    schema = Schema(Package)
    for document in (
        schema.load_json("key", "12", stored),
        schema.load("key", "12", schema.parsed("key", stored)),
    ):
        assert document == Package(id="key", rev="12", name="a", size=3)
        assert document.model_dump(exclude_unset=True).keys() == {"id", "rev", "name", "size"}


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"{",
        b"[1}",
        b'["name":"a"}',
        b'{"name":"a"',
        b'{"name":"a"}}',
        b'{"name":"}',
        b'{"name":"a"}{"size":1}',
        b'{"name":"a","$schema_version":2}',
        b'{"name":"a","\\u0024schema_version":2}',
        b"\xff",
        b'{"name":"a","size":-1}',
        b'{"name":"a","deep":%b%b}' % (b"[" * 400, b"]" * 400),
    ],
)
def test_stored_json_that_cannot_be_read_names_the_document(stored: bytes) -> None:
    """What is no JSON object, does not validate, or is of a newer version is DecodeFailed."""
    with pytest.raises(DecodeFailed) as raised:
        Schema(Package).load_json("key", "12", stored)
    assert raised.value.data == {"id": "key"}


class Bare(Document):
    """A document without fields of its own."""


def test_a_document_without_fields() -> None:
    """Its JSON is an empty object, which other programs may write with a space."""
    schema = Schema(Bare)
    assert schema.new(Bare(id="1")).data == b"{}"
    for stored in (b"{}", b"{ }", b'{"_rev":"1"}'):
        assert schema.load_json("1", "1", stored) == Bare(id="1", rev="1")
