"""Versions of models, and the upgrades between them."""

# ruff: noqa: RUF012 - pydantic copies the defaults of fields

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import pytest

from datapatterns import upgrades
from datapatterns.core.documents import Document
from datapatterns.core.revisions import patch, rewrite, update
from datapatterns.core.schema import Schema
from datapatterns.core.schema_versions import SCHEMA_VERSION, check_upgrades, upgraded
from datapatterns.errors import DecodeFailed, InvalidArgument, InvalidData

T = TypeVar("T")


class User(Document):
    """The third version of a model: one name became two, and the second got a new name."""

    schema_version = 3

    first: str
    family: str
    nested: dict[str, Any] = {}


@upgrades(User, 1)
def split(fields: dict[str, Any]) -> dict[str, Any]:
    """Split the name."""
    first, last = fields.pop("name").split(" ")
    fields.get("nested", {})["split"] = True
    return {**fields, "first": first, "last": last}


@upgrades(User, 2)
def rename(fields: dict[str, Any]) -> dict[str, Any]:
    """Rename the last name."""
    fields["family"] = fields.pop("last")
    return fields


USERS = Schema(User)
OLD = {"name": "Ada King", "other": 1}


def test_reading_upgrades() -> None:
    """Documents of every version read alike, and the stored fields stay as they are."""
    one: dict[str, Any] = {"name": "Ada King", "nested": {"a": 1}}
    two: dict[str, Any] = {"first": "Ada", "last": "King", SCHEMA_VERSION: 2}
    three: dict[str, Any] = {"first": "Ada", "family": "King", SCHEMA_VERSION: 3}
    for fields in (one, two, three):
        before = repr(fields)
        found = USERS.load("1", "1", fields)
        assert (found.first, found.family) == ("Ada", "King")
        assert repr(fields) == before
        assert SCHEMA_VERSION not in upgraded(User, "1", fields)
    assert USERS.load("1", "1", one).nested == {"a": 1, "split": True}
    data = b'{"_id":"1","name":"Ada King"}'
    assert USERS.load_json("1", "1", data).family == "King"


def test_writing_stores_the_present_version() -> None:
    """Whole documents, updates, patches and rewrites all do; only versions above 1 are stored."""
    expected = {"first": "Ada", "family": "King", "nested": {}, SCHEMA_VERSION: 3}
    assert USERS.new(User(first="Ada", family="King")).fields == expected
    assert USERS.replacement(User(first="Ada", family="King")).fields == expected
    for step in (update(USERS, {"nested": {}}), patch(USERS, {"nested": {}}), rewrite(USERS)):
        revised = step("1", "1", OLD)
        assert revised is not None
        assert revised.fields == {**expected, "other": 1}
        assert revised.document.family == "King"

    class Empty(Document):
        schema_version = 2

    @upgrades(Empty, 1)
    def same(fields: dict[str, Any]) -> dict[str, Any]:
        return fields

    assert Schema(Empty).new(Empty()).data == b'{"$schema_version":2}'
    assert SCHEMA_VERSION not in Schema(Document).new(Document()).fields


def steps(schema: Schema[Any]) -> list[Callable[[dict[str, Any]], Any]]:
    """Return everything that reads or writes stored fields."""
    return [
        lambda fields: schema.load("id-7", "1", fields),
        lambda fields: update(schema, {})("id-7", "1", fields),
        lambda fields: patch(schema, {})("id-7", "1", fields),
        lambda fields: rewrite(schema)("id-7", "1", fields),
        lambda fields: schema.check_replaced("id-7", fields, {}),
    ]


@pytest.mark.parametrize("version", [4, 1_000, 10**30])
def test_a_newer_programs_document(version: int) -> None:
    """It is DecodeFailed that says so, also where it would be replaced, for any model."""

    class Plain(Document):
        pass

    for schema in (USERS, Schema(Plain), Schema(Plain, immutable={"id"})):
        for step in steps(schema):
            with pytest.raises(DecodeFailed, match="written by a newer program") as raised:
                step({"first": "Ada", "family": "King", SCHEMA_VERSION: version})
            assert raised.value.data == {"id": "id-7"}


@pytest.mark.parametrize("version", [0, -1, True, None, "2", 1.5, [2], {}])
def test_a_version_that_is_none(version: Any) -> None:
    """It is DecodeFailed, with the id."""
    for step in steps(USERS):
        with pytest.raises(DecodeFailed, match="'id-7'"):
            step({"first": "Ada", "family": "King", SCHEMA_VERSION: version})


@pytest.mark.parametrize("outcome", [KeyError("x"), RecursionError(), InvalidData("x"), None, 7])
def test_an_upgrade_that_fails(outcome: Any) -> None:
    """Whatever it raises or returns that is no mapping is DecodeFailed with the id."""

    class Failing(Document):
        schema_version = 2

    @upgrades(Failing, 1)
    def fail(fields: dict[str, Any]) -> Any:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    for step in steps(Schema(Failing))[:-1]:
        with pytest.raises(DecodeFailed, match="of schema version 1 cannot be upgraded") as raised:
            step({})
        assert raised.value.data == {"id": "id-7"}


def test_upgrades_that_are_missing() -> None:
    """A model without an upgrade from the version before, or with a gap, is refused when taken."""

    class Fourth(Document):
        schema_version = 4

    with pytest.raises(
        InvalidArgument, match=r"no upgrade from version 3: .*@upgrades\(Fourth, 3\)"
    ):
        Schema(Fourth)
    upgrades(Fourth, 3)(dict)
    assert Schema(Fourth).version == 4
    for step in steps(Schema(Fourth))[:-1]:
        with pytest.raises(DecodeFailed, match="Fourth has no upgrade from that version"):
            step({})
    upgrades(Fourth, 1)(dict)
    with pytest.raises(InvalidArgument, match="no upgrade from version 2"):
        check_upgrades(Fourth)
    upgrades(Fourth, 2)(dict)
    assert Schema(Fourth).load("1", "1", {}).id == "1"


def test_upgrades_that_are_wrong() -> None:
    """One of a version twice, one that is not below the model's, and what is no version."""
    with pytest.raises(InvalidArgument, match="User has an upgrade from version 1 already"):
        upgrades(User, 1)(dict)
    for version in (3, 4):
        with pytest.raises(InvalidArgument, match="upgrades are from versions below it"):
            upgrades(User, version)
    wrong: Any
    for wrong in (0, -1, True, "1", 1.0, None):
        with pytest.raises(InvalidArgument):
            upgrades(User, wrong)
    for wrong in (0, "2", 1.5, True, None):
        kind: Any = type("Wrong", (Document,), {"schema_version": wrong, "__module__": __name__})
        with pytest.raises(InvalidArgument, match="schema_version of Wrong"):
            Schema(kind)


def test_upgrades_are_inherited() -> None:
    """A model that inherits from another has its version and upgrades, and may go on from there."""

    class Admin(User):
        level: int = 1

    class Later(User):
        schema_version = 4

    assert Schema(Admin).load("1", "1", OLD).family == "King"
    with pytest.raises(InvalidArgument, match="Later has schema_version 4 but no upgrade from v"):
        Schema(Later)

    @upgrades(Later, 3)
    def shout(fields: dict[str, Any]) -> dict[str, Any]:
        return {**fields, "family": fields["family"].upper()}

    @upgrades(Admin, 2)
    def own(fields: dict[str, Any]) -> dict[str, Any]:
        return {**fields, "family": "own"}

    assert Schema(Later).load("1", "1", OLD).family == "KING"
    assert Schema(Admin).load("1", "1", OLD).family == "own"
    assert USERS.load("1", "1", OLD).family == "King"


def test_upgrades_of_a_generic_model() -> None:
    """A parametrized model has those of the model without parameters."""

    class Box(Document, Generic[T]):
        schema_version = 2
        value: T

    @upgrades(Box, 1)
    def wrap(fields: dict[str, Any]) -> dict[str, Any]:
        return {"value": fields["content"]}

    assert Schema(Box[int]).load("1", "1", {"content": 7}).value == 7


def test_immutable_fields_of_an_older_version() -> None:
    """They are compared as the present version has them."""
    schema = Schema(User, immutable={"family"})
    schema.check_replaced("1", OLD, {"family": "King"})
    with pytest.raises(InvalidData, match="family: cannot be changed"):
        schema.check_replaced("1", OLD, {"family": "Byron"})
