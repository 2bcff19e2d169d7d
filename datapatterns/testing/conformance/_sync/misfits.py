# Generated from datapatterns/testing/conformance/_async/misfits.py by scripts/unasync.py; do not edit.
"""The tests of what every Repository promises about foreign fields, bad data and hostile names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from datapatterns import DataError, DecodeFailed, InvalidArgument, InvalidData, Store
from datapatterns.testing.conformance._sync.target import Target
from datapatterns.testing.conformance.samples import HOSTILE, NO_NAMES, Item, Person

SECRET = "y" * 50  # a value that breaks a rule, and must not be quoted


class TestMisfits:
    """Tests of foreign fields, of data that do not validate, and of names with special meanings."""

    pattern: ClassVar[str] = "repository"

    # --- what others stored, and what does not fit

    def test_unknown_fields_survive_an_update(self, target: Target) -> None:
        """An update keeps and does not change the fields that the model does not have."""
        people = target.repository("people", Person)
        people.create(Person(id="ann", age=1))
        extra = {"shoe": [1, {"a": None}], "p q": "\N{SLICE OF PIZZA}"}
        target.write_foreign_fields("people", "ann", extra)
        people.update("ann", {"age": 2})
        people.update("ann", {"name": "Ann"}, rev=(people.get("ann")).rev)
        raw = people.get_raw("ann")
        assert {name: raw[name] for name in extra} == extra
        assert (raw["age"], raw["name"]) == (2, "Ann")

    def test_a_replaced_document_is_all_there_is(self, target: Target) -> None:
        """`replace` stores the whole document, without the unknown fields of the old one."""
        people = target.repository("people", Person)
        people.create(Person(id="ann", age=1))
        target.write_foreign_fields("people", "ann", {"shoe": 4})
        people.replace(people.get("ann"))
        assert set(people.get_raw("ann")) == {
            *("id", "rev", "name", "age", "city", "nick", "birthYear", "address")
        }

    def test_a_document_that_no_longer_fits(self, target: Target) -> None:
        """Every method that reads it raises DecodeFailed with its id; `get_raw` returns it."""
        people = target.repository("people", Person)
        people.create(Person(id="ann", age=1))
        target.write_foreign_fields("people", "ann", {"age": SECRET})
        for read in (people.get, people.find):
            with pytest.raises(DecodeFailed) as raised:
                read("ann")
            assert raised.value.data["id"] == "ann"
            assert SECRET not in str(raised.value)
        with pytest.raises(DecodeFailed):
            people.get_many(["ann"])
        with pytest.raises(DecodeFailed):
            people.list()
        assert (people.get_raw("ann"))["age"] == SECRET
        assert people.exists("ann")

    def test_invalid_data_lists_everything_and_quotes_nothing(self, target: Store) -> None:
        """The error has every problem and no input value, and nothing is written."""
        people = target.repository("people", Person)
        ann = people.create(Person(id="ann", age=1))
        bad = Person(id="new")
        bad.name, bad.age = SECRET, -77
        replaced = ann.model_copy(update={"name": SECRET, "age": -77})
        calls: tuple[Callable[[], Any], ...] = (
            lambda: people.create(bad),
            lambda: people.replace(replaced),
            lambda: people.update("ann", {"name": SECRET, "age": -77}),
        )
        for call in calls:
            with pytest.raises(InvalidData) as raised:
                call()
            assert {error["loc"] for error in raised.value.errors} == {("name",), ("age",)}
            shown = f"{raised.value} {raised.value.errors} {raised.value.problem()}"
            assert SECRET not in shown
            assert "-77" not in shown
        assert [one for one in people.iterate()] == [ann]

    def test_what_json_cannot_hold_is_refused(self, target: Store) -> None:
        """NaN, infinities and bytes are refused, and nothing is written."""
        items = target.repository("items", Item)
        items.create(Item(id="a", value=1))
        for value in (float("nan"), float("inf"), [float("-inf")]):
            with pytest.raises(DataError) as created:
                items.create(Item(id="b", value=value))
            with pytest.raises(DataError) as updated:
                items.update("a", {"value": value})
            assert created.value.status == updated.value.status == 400
        assert [one.value for one in items.iterate()] == [1]

    def test_another_models_document_is_refused(self, target: Store) -> None:
        """A repository accepts only documents of its model."""
        people = target.repository("people", Person)
        wrong: Any = Item(id="a")
        with pytest.raises(InvalidArgument):
            people.create(wrong)
        with pytest.raises(InvalidArgument):
            target.repository("people", Person, immutable={"shoe"})

    # --- names

    def test_hostile_ids_are_told_apart(self, target: Store) -> None:
        """Whatever its characters, an id reaches its own document only."""
        items = target.repository("items", Item)
        ids = [id for id in HOSTILE if target.capabilities.underscore_ids or id[0] != "_"]
        for n, id in enumerate(ids):
            items.create(Item(id=id, value=n))
        for n, id in enumerate(ids):
            found = items.get(id)
            assert (found.id, found.value) == (id, n)
            items.update(id, {"value": n + 1})
        found_many = items.get_many(ids)
        assert [one and one.value for one in found_many] == [n + 1 for n in range(len(ids))]
        assert sorted([str(one.id) for one in items.iterate()]) == sorted(ids)
        for left, id in zip(range(len(ids) - 1, -1, -1), ids, strict=True):
            items.destroy(id)
            assert items.count() == left

    @pytest.mark.parametrize("id", ["_x", "_rev", "_design/a", "_local/a", "_all_docs"])
    def test_ids_with_an_underscore_are_there_or_refused(self, target: Store, id: str) -> None:
        """A backend that reserves such ids refuses them in every call, and writes nothing."""
        items = target.repository("items", Item)
        if target.capabilities.underscore_ids:
            assert items.create(Item(id=id, value=1)) == items.get(id)
            return
        calls: tuple[Callable[[], Any], ...] = (
            lambda: items.create(Item(id=id)),
            lambda: items.get(id),
            lambda: items.get_raw(id),
            lambda: items.exists(id),
            lambda: items.get_many(["a", id]),
            lambda: items.update(id, {"value": 1}),
            lambda: items.destroy(id),
            lambda: items.replace(Item(id=id, rev="1")),
        )
        for call in calls:
            with pytest.raises(InvalidArgument):
                call()
        [outcome] = items.create_many([Item(id=id)])
        assert isinstance(outcome, InvalidArgument)
        assert items.count() == 0

    def test_hostile_collections_are_told_apart(self, target: Store) -> None:
        """Whatever its name, a collection has its own documents only."""
        for n, name in enumerate(HOSTILE):
            target.repository(name, Item).create(Item(id="a", value=n))
        for n, name in enumerate(HOSTILE):
            items = target.repository(name, Item)
            assert [one.value for one in items.iterate()] == [n]

    @pytest.mark.parametrize("id", NO_NAMES, ids=ascii)
    def test_what_is_no_id(self, target: Store, id: Any) -> None:
        """Every call refuses it with InvalidArgument, and writes nothing."""
        items = target.repository("items", Item)
        items.create(Item(id="a"))
        calls: tuple[Callable[[], Any], ...] = (
            lambda: items.get(id),
            lambda: items.find(id),
            lambda: items.get_raw(id),
            lambda: items.exists(id),
            lambda: items.get_many(["a", id]),
            lambda: items.update(id, {"value": 1}),
            lambda: items.destroy(id),
            lambda: items.replace(Item.model_construct(id=id, rev="1", value=1)),
        )
        for call in calls:
            with pytest.raises(InvalidArgument):
                call()
        if isinstance(id, str):
            with pytest.raises(InvalidArgument):
                items.create(Item.model_construct(id=id, value=1))
            [outcome] = items.create_many([Item.model_construct(id=id, value=1)])
            assert isinstance(outcome, InvalidArgument)
        with pytest.raises(InvalidArgument):
            target.repository(id, Item)
        assert items.count() == 1
