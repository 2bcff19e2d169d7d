"""Documents on their way into a store."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, Field

from datapatterns.core.documents import Document
from datapatterns.core.schema import Schema
from datapatterns.errors import InvalidArgument, InvalidData


class Package(Document):
    """A document whose id is the value of a field with a rule."""

    name: str = Field(min_length=1)
    size: int = Field(0, ge=0)


@pytest.mark.parametrize("values", [{"name": "", "size": -1}, {"name": None, "size": -1}])
def test_all_errors_of_a_document_without_its_id_are_listed(values: dict[str, object]) -> None:
    """A field that gives the id and does not validate is InvalidData, like every other field."""
    schema = Schema(Package, id_from="name")
    with pytest.raises(InvalidData) as refused:
        schema.new(Package.model_construct(id="1", rev=None, **values))
    assert [error["loc"] for error in refused.value.errors] == [("name",), ("size",)]
    with pytest.raises(InvalidData):
        schema.new(Package.model_construct(id="1", rev=None))


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
