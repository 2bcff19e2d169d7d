# Generated from datapatterns/testing/conformance/_async/repository.py by scripts/unasync.py; do not edit.
"""The tests of what every Repository promises about its documents."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

import pytest

from datapatterns import Conflict, InvalidArgument, InvalidData, NotFound, Store
from datapatterns.testing._sync.concurrently import concurrently
from datapatterns.testing.conformance.samples import WIDE, Item, Member, Person, PersonChanges, Wide


class TestRepository:
    """Tests of documents: making, reading, changing and removing them."""

    pattern: ClassVar[str] = "repository"

    # --- create

    def test_create_returns_what_is_stored(self, target: Store) -> None:
        """The document comes back with its id and a revision, and reads the same."""
        people = target.repository("people", Person)
        ann = people.create(Person(id="ann", name="Ann", age=30, birthYear=1990))
        assert (ann.id, ann.name, ann.age, ann.born) == ("ann", "Ann", 30, 1990)
        assert ann.rev is not None
        assert people.get("ann") == ann
        assert type(people.get("ann")) is Person

    def test_a_taken_id_is_refused(self, target: Store) -> None:
        """Creating a document under a taken id is Conflict (exists) and changes nothing."""
        people = target.repository("people", Person)
        ann = people.create(Person(id="ann", name="Ann"))
        with pytest.raises(Conflict) as raised:
            people.create(Person(id="ann", name="Other"))
        assert raised.value.reason == "exists"
        assert people.get("ann") == ann

    def test_of_many_creators_one_wins(self, target: Store) -> None:
        """Of several that create an id at the same time exactly one succeeds."""
        people = target.repository("people", Person)

        def create(name: str) -> str | None:
            try:
                return (people.create(Person(id="ann", name=name))).name
            except Conflict:
                return None

        names = concurrently(create, [(str(n),) for n in range(10)])
        winners = [name for name in names if name is not None]
        assert winners == [(people.get("ann")).name]

    def test_an_id_is_made_where_there_is_none(self, target: Store) -> None:
        """Fresh ids are UUIDs of version 7, which sort by their time."""
        people = target.repository("people", Person)
        ids = [str((people.create(Person(name="Ann"))).id) for _ in range(5)]
        assert [uuid.UUID(id).version for id in ids] == [7] * 5
        assert sorted(set(ids)) == ids

    def test_the_id_may_come_from_a_field(self, target: Store) -> None:
        """With `id_from` the value of that field is the document's id."""
        members = target.repository("members", Member, id_from="email")
        made = members.create(Member(email="ann@example.com", name="Ann"))
        assert made.id == "ann@example.com"
        assert members.get("ann@example.com") == made
        with pytest.raises(Conflict):
            members.create(Member(email="ann@example.com"))
        with pytest.raises(InvalidData):
            members.replace(made.model_copy(update={"email": "bob@example.com"}))

    def test_create_many_has_an_outcome_for_each(self, target: Store) -> None:
        """Documents and errors come in the given order; a failure affects no other document."""
        people = target.repository("people", Person)
        people.create(Person(id="taken", name="first"))
        bad = Person(id="bad")
        bad.age = -1
        batch = [Person(id="a"), bad, Person(id="taken"), Person(), Person(id="a"), Person(id="b")]
        a, invalid, taken, fresh, again, b = people.create_many(batch)
        assert isinstance(invalid, InvalidData)
        assert isinstance(taken, Conflict)
        assert isinstance(again, Conflict)
        assert taken.reason == again.reason == "exists"
        for made in (a, fresh, b):
            assert isinstance(made, Person)
            assert people.get(str(made.id)) == made
        assert (people.get("taken")).name == "first"
        assert people.count() == 4

    def test_create_many_takes_none_and_thousands(self, target: Store) -> None:
        """An empty list has no outcomes; thousands of documents are all stored."""
        people = target.repository("people", Person)
        assert people.create_many([]) == []
        made = people.create_many(Person(id=f"{n:04}", age=n) for n in range(1_200))
        assert [one.id for one in made if isinstance(one, Person)] == [
            f"{n:04}" for n in range(1_200)
        ]
        assert people.count() == 1_200

    # --- read

    def test_missing_documents(self, target: Store) -> None:
        """`get` and `get_raw` raise NotFound, `find` returns None, `exists` False."""
        people = target.repository("people", Person)
        assert people.find("nobody") is None
        assert people.exists("nobody") is False
        for read in (people.get, people.get_raw):
            with pytest.raises(NotFound):
                read("nobody")
        assert people.count() == 0

    def test_get_many_keeps_the_order(self, target: Store) -> None:
        """Each id, repeated ones too, has one outcome; a missing document is None."""
        people = target.repository("people", Person)
        a = people.create(Person(id="a"))
        b = people.create(Person(id="b"))
        assert people.get_many(["b", "nobody", "a", "b"]) == [b, None, a, b]
        assert people.get_many([]) == []
        assert people.find("a") == a
        assert people.exists("a") is True

    def test_raw_fields_carry_their_stored_names(self, target: Store) -> None:
        """`get_raw` shows what is stored, by alias, with id and rev."""
        people = target.repository("people", Person)
        ann = people.create(Person(id="ann", birthYear=1990))
        raw = people.get_raw("ann")
        assert raw["birthYear"] == 1990
        assert "born" not in raw
        assert (raw["id"], raw["rev"]) == ("ann", ann.rev)

    @pytest.mark.parametrize(
        "value",
        [0.1, 2**40, "\N{SLICE OF PIZZA}\x00", [1, [None]], {"a": {"": False}}, "x" * 100_000],
    )
    def test_values_come_back(self, target: Store, value: Any) -> None:
        """Any JSON value is stored and read unchanged."""
        items = target.repository("items", Item)
        items.create(Item(id="a", value=value))
        assert (items.get("a")).value == value

    # --- replace

    def test_replace_stores_the_whole_document(self, target: Store) -> None:
        """The revision changes, and fields that the new document lacks are gone."""
        people = target.repository("people", Person)
        ann = people.create(Person(id="ann", name="Ann", age=30))
        new = people.replace(Person(id="ann", rev=ann.rev, name="Anna"))
        assert (new.id, new.name, new.age) == ("ann", "Anna", None)
        assert new.rev != ann.rev
        assert people.get("ann") == new

    @pytest.mark.parametrize("rev", ["missing", "stale", "invented", "gone"])
    def test_replace_needs_the_present_revision(self, target: Store, rev: str) -> None:
        """A stale or missing revision, or a missing document, is Conflict (stale_revision)."""
        people = target.repository("people", Person)
        ann = people.create(Person(id="ann", name="Ann"))
        stale = ann.rev
        ann = people.update("ann", {"age": 30})
        given = {"missing": None, "stale": stale, "invented": "1-x", "gone": ann.rev}[rev]
        if rev == "gone":
            people.destroy("ann")
        with pytest.raises(Conflict) as raised:
            people.replace(Person(id="ann", rev=given, name="Other"))
        assert raised.value.reason == "stale_revision"
        assert people.find("ann") == (None if rev == "gone" else ann)

    def test_a_revision_dies_with_its_document(self, target: Store) -> None:
        """A document created again under an id has none of the former revisions."""
        people = target.repository("people", Person)
        old = people.create(Person(id="ann", name="old"))
        people.update("ann", {"age": 1})
        people.destroy("ann")
        new = people.create(Person(id="ann", name="new"))
        assert old.rev != new.rev
        with pytest.raises(Conflict):
            people.replace(old)
        assert people.update("ann", {"age": 2}) == people.get("ann")
        assert (people.get("ann")).name == "new"

    # --- update

    def test_update_changes_the_named_fields(self, target: Store) -> None:
        """The other fields stay; the result is what is stored, with a new revision."""
        people = target.repository("people", Person)
        ann = people.create(Person(id="ann", name="Ann", age=30, birthYear=1990))
        new = people.update("ann", {"age": 31, "born": 1989})
        assert (new.name, new.age, new.born) == ("Ann", 31, 1989)
        assert new.rev != ann.rev
        assert people.get("ann") == new
        assert (people.get_raw("ann"))["birthYear"] == 1989
        cleared = people.update("ann", {"age": None})
        assert cleared.age is None
        assert people.get("ann") == cleared

    def test_update_sees_what_others_wrote(self, target: Store) -> None:
        """Two repositories over one collection change different fields in turn and lose nothing."""
        one, other = (target.repository("people", Person) for _ in range(2))
        one.create(Person(id="ann"))
        for age in range(5):
            one.update("ann", {"age": age})
            seen = other.update("ann", {"name": str(age)})
            assert (seen.age, seen.name) == (age, str(age))

    def test_update_of_nothing(self, target: Store) -> None:
        """A missing document is NotFound; empty changes change only the revision."""
        people = target.repository("people", Person)
        with pytest.raises(NotFound):
            people.update("nobody", {"age": 1})
        assert not people.exists("nobody")
        people.create(Person(id="ann", age=30))
        assert (people.update("ann", {})).age == 30

    @pytest.mark.parametrize("changes", [{"shoe": 4}, {"id": "b"}, {"rev": "1"}, {"city": "Rome"}])
    def test_update_of_a_field_that_may_not(self, target: Store, changes: dict[str, Any]) -> None:
        """A change to an unknown or immutable field is InvalidData, with any other changes."""
        people = target.repository("people", Person, immutable={"city"})
        ann = people.create(Person(id="ann", city="Oslo"))
        for id in ("ann", "nobody"):  # even before it is known whether there is a document
            with pytest.raises(InvalidData) as raised:
                people.update(id, {"age": 31, **changes})
            assert [error["loc"] for error in raised.value.errors] == [tuple(changes)]
        with pytest.raises(InvalidData) as raised:
            people.update("ann", {"age": -1, **changes})
        assert {error["loc"] for error in raised.value.errors} == {("age",), tuple(changes)}
        assert people.get("ann") == ann

    def test_update_obeys_its_own_model(self, target: Store) -> None:
        """With `update_model` the changes must fit that model as well."""
        people = target.repository("people", Person, update_model=PersonChanges)
        people.create(Person(id="ann", age=200))
        assert (people.update("ann", {"age": 150})).age == 150
        with pytest.raises(InvalidData):
            people.update("ann", {"age": 151})
        assert (people.get("ann")).age == 150

    @pytest.mark.parametrize("attempts", [0, -1, True, 1.5, "3", None])
    def test_update_tries_at_least_once(self, target: Store, attempts: Any) -> None:
        """`attempts` must be a whole number from 1 on."""
        people = target.repository("people", Person)
        people.create(Person(id="ann", age=1))
        with pytest.raises(InvalidArgument):
            people.update("ann", {"age": 2}, attempts=attempts)
        assert (people.get("ann")).age == 1

    def test_update_with_a_revision_never_retries(self, target: Store) -> None:
        """An update of the present revision succeeds; of a stale one it is Conflict at once."""
        people = target.repository("people", Person)
        ann = people.create(Person(id="ann", age=1))
        new = people.update("ann", {"age": 2}, rev=ann.rev)
        for stale in (ann.rev, "invented"):
            with pytest.raises(Conflict) as raised:
                people.update("ann", {"age": 3}, rev=stale)
            assert raised.value.reason == "stale_revision"
        assert people.get("ann") == new
        with pytest.raises(NotFound):
            people.update("nobody", {"age": 3}, rev=new.rev)

    def test_thirty_writers_of_one_document(self, target: Store) -> None:
        """Thirty updates of different fields at once all succeed, and all are seen."""
        wide = target.repository("wide", Wide)
        wide.create(Wide(id="a"))

        def write(field: int) -> Any:
            return wide.update("a", {f"f{field}": field + 1})

        made = concurrently(write, [(n,) for n in range(WIDE)])
        assert len({document.rev for document in made}) == WIDE
        raw = wide.get_raw("a")
        assert [raw[f"f{n}"] for n in range(WIDE)] == [n + 1 for n in range(WIDE)]

    def test_thirty_writers_of_one_field(self, target: Store) -> None:
        """Thirty updates of one field at once all succeed, and one of them is the last."""
        people = target.repository("people", Person)
        people.create(Person(id="ann"))

        def write(age: int) -> Person:
            return people.update("ann", {"age": age})

        made = concurrently(write, [(n,) for n in range(30)])
        assert [document.age for document in made] == list(range(30))
        assert people.get("ann") in made

    # --- destroy

    def test_destroy_removes(self, target: Store) -> None:
        """No reader finds the document any more; removing it again is NotFound."""
        people = target.repository("people", Person)
        people.create(Person(id="ann"))
        people.destroy("ann")
        assert people.find("ann") is None
        assert people.get_many(["ann"]) == [None]
        assert list(people.list()) == []
        for rev in (None, "1"):
            with pytest.raises(NotFound):
                people.destroy("ann", rev=rev)

    def test_destroy_with_a_revision(self, target: Store) -> None:
        """A stale revision is Conflict (stale_revision); with the present one it succeeds."""
        people = target.repository("people", Person)
        old = people.create(Person(id="ann"))
        ann = people.update("ann", {"age": 1})
        with pytest.raises(Conflict) as raised:
            people.destroy("ann", rev=old.rev)
        assert raised.value.reason == "stale_revision"
        assert people.get("ann") == ann
        people.destroy("ann", rev=ann.rev)
        assert not people.exists("ann")

    def test_of_many_destroyers_one_wins(self, target: Store) -> None:
        """Of several that remove a document at the same time exactly one succeeds."""
        people = target.repository("people", Person)
        people.create(Person(id="ann"))

        def destroy() -> bool:
            try:
                people.destroy("ann")
            except NotFound:
                return False
            return True

        assert sum(concurrently(destroy, [()] * 8)) == 1
