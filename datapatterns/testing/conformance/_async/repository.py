"""The tests of what every Repository promises about its documents."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

import pytest

from datapatterns import AsyncStore, Conflict, InvalidArgument, InvalidData, NotFound
from datapatterns.testing._async.concurrently import concurrently
from datapatterns.testing.conformance.samples import WIDE, Item, Member, Person, PersonChanges, Wide


class TestRepository:
    """Tests of documents: making, reading, changing and removing them."""

    pattern: ClassVar[str] = "repository"

    # --- create

    async def test_create_returns_what_is_stored(self, target: AsyncStore) -> None:
        """The document comes back with its id and a revision, and reads the same."""
        people = target.repository("people", Person)
        ann = await people.create(Person(id="ann", name="Ann", age=30, birthYear=1990))
        assert (ann.id, ann.name, ann.age, ann.born) == ("ann", "Ann", 30, 1990)
        assert ann.rev is not None
        assert await people.get("ann") == ann
        assert type(await people.get("ann")) is Person

    async def test_a_taken_id_is_refused(self, target: AsyncStore) -> None:
        """Creating a document under a taken id is Conflict (exists) and changes nothing."""
        people = target.repository("people", Person)
        ann = await people.create(Person(id="ann", name="Ann"))
        with pytest.raises(Conflict) as raised:
            await people.create(Person(id="ann", name="Other"))
        assert raised.value.reason == "exists"
        assert await people.get("ann") == ann

    async def test_of_many_creators_one_wins(self, target: AsyncStore) -> None:
        """Of several that create an id at the same time exactly one succeeds."""
        people = target.repository("people", Person)

        async def create(name: str) -> str | None:
            try:
                return (await people.create(Person(id="ann", name=name))).name
            except Conflict:
                return None

        names = await concurrently(create, [(str(n),) for n in range(10)])
        winners = [name for name in names if name is not None]
        assert winners == [(await people.get("ann")).name]

    async def test_an_id_is_made_where_there_is_none(self, target: AsyncStore) -> None:
        """Fresh ids are UUIDs of version 7, which sort by their time."""
        people = target.repository("people", Person)
        ids = [str((await people.create(Person(name="Ann"))).id) for _ in range(5)]
        assert [uuid.UUID(id).version for id in ids] == [7] * 5
        assert sorted(set(ids)) == ids

    async def test_the_id_may_come_from_a_field(self, target: AsyncStore) -> None:
        """With `id_from` the value of that field is the document's id."""
        members = target.repository("members", Member, id_from="email")
        made = await members.create(Member(email="ann@example.com", name="Ann"))
        assert made.id == "ann@example.com"
        assert await members.get("ann@example.com") == made
        with pytest.raises(Conflict):
            await members.create(Member(email="ann@example.com"))
        with pytest.raises(InvalidData):
            await members.replace(made.model_copy(update={"email": "bob@example.com"}))

    async def test_create_many_has_an_outcome_for_each(self, target: AsyncStore) -> None:
        """Documents and errors come in the given order; a failure affects no other document."""
        people = target.repository("people", Person)
        await people.create(Person(id="taken", name="first"))
        bad = Person(id="bad")
        bad.age = -1
        batch = [Person(id="a"), bad, Person(id="taken"), Person(), Person(id="a"), Person(id="b")]
        a, invalid, taken, fresh, again, b = await people.create_many(batch)
        assert isinstance(invalid, InvalidData)
        assert isinstance(taken, Conflict)
        assert isinstance(again, Conflict)
        assert taken.reason == again.reason == "exists"
        for made in (a, fresh, b):
            assert isinstance(made, Person)
            assert await people.get(str(made.id)) == made
        assert (await people.get("taken")).name == "first"
        assert await people.count() == 4

    async def test_create_many_takes_none_and_thousands(self, target: AsyncStore) -> None:
        """An empty list has no outcomes; thousands of documents are all stored."""
        people = target.repository("people", Person)
        assert await people.create_many([]) == []
        made = await people.create_many(Person(id=f"{n:04}", age=n) for n in range(1_200))
        assert [one.id for one in made if isinstance(one, Person)] == [
            f"{n:04}" for n in range(1_200)
        ]
        assert await people.count() == 1_200

    # --- read

    async def test_missing_documents(self, target: AsyncStore) -> None:
        """`get` and `get_raw` raise NotFound, `find` returns None, `exists` False."""
        people = target.repository("people", Person)
        assert await people.find("nobody") is None
        assert await people.exists("nobody") is False
        for read in (people.get, people.get_raw):
            with pytest.raises(NotFound):
                await read("nobody")
        assert await people.count() == 0

    async def test_get_many_keeps_the_order(self, target: AsyncStore) -> None:
        """Each id, repeated ones too, has one outcome; a missing document is None."""
        people = target.repository("people", Person)
        a = await people.create(Person(id="a"))
        b = await people.create(Person(id="b"))
        assert await people.get_many(["b", "nobody", "a", "b"]) == [b, None, a, b]
        assert await people.get_many([]) == []
        assert await people.find("a") == a
        assert await people.exists("a") is True

    async def test_raw_fields_carry_their_stored_names(self, target: AsyncStore) -> None:
        """`get_raw` shows what is stored, by alias, with id and rev."""
        people = target.repository("people", Person)
        ann = await people.create(Person(id="ann", birthYear=1990))
        raw = await people.get_raw("ann")
        assert raw["birthYear"] == 1990
        assert "born" not in raw
        assert (raw["id"], raw["rev"]) == ("ann", ann.rev)

    @pytest.mark.parametrize(
        "value",
        [0.1, 2**40, "\N{SLICE OF PIZZA}\x00", [1, [None]], {"a": {"": False}}, "x" * 100_000],
    )
    async def test_values_come_back(self, target: AsyncStore, value: Any) -> None:
        """Any JSON value is stored and read unchanged."""
        items = target.repository("items", Item)
        await items.create(Item(id="a", value=value))
        assert (await items.get("a")).value == value

    # --- replace

    async def test_replace_stores_the_whole_document(self, target: AsyncStore) -> None:
        """The revision changes, and fields that the new document lacks are gone."""
        people = target.repository("people", Person)
        ann = await people.create(Person(id="ann", name="Ann", age=30))
        new = await people.replace(Person(id="ann", rev=ann.rev, name="Anna"))
        assert (new.id, new.name, new.age) == ("ann", "Anna", None)
        assert new.rev != ann.rev
        assert await people.get("ann") == new

    @pytest.mark.parametrize("rev", ["missing", "stale", "invented", "gone"])
    async def test_replace_needs_the_present_revision(self, target: AsyncStore, rev: str) -> None:
        """A stale or missing revision, or a missing document, is Conflict (stale_revision)."""
        people = target.repository("people", Person)
        ann = await people.create(Person(id="ann", name="Ann"))
        stale = ann.rev
        ann = await people.update("ann", {"age": 30})
        given = {"missing": None, "stale": stale, "invented": "1-x", "gone": ann.rev}[rev]
        if rev == "gone":
            await people.destroy("ann")
        with pytest.raises(Conflict) as raised:
            await people.replace(Person(id="ann", rev=given, name="Other"))
        assert raised.value.reason == "stale_revision"
        assert await people.find("ann") == (None if rev == "gone" else ann)

    async def test_a_revision_dies_with_its_document(self, target: AsyncStore) -> None:
        """A document created again under an id has none of the former revisions."""
        people = target.repository("people", Person)
        old = await people.create(Person(id="ann", name="old"))
        await people.update("ann", {"age": 1})
        await people.destroy("ann")
        new = await people.create(Person(id="ann", name="new"))
        assert old.rev != new.rev
        with pytest.raises(Conflict):
            await people.replace(old)
        assert await people.update("ann", {"age": 2}) == await people.get("ann")
        assert (await people.get("ann")).name == "new"

    # --- update

    async def test_update_changes_the_named_fields(self, target: AsyncStore) -> None:
        """The other fields stay; the result is what is stored, with a new revision."""
        people = target.repository("people", Person)
        ann = await people.create(Person(id="ann", name="Ann", age=30, birthYear=1990))
        new = await people.update("ann", {"age": 31, "born": 1989})
        assert (new.name, new.age, new.born) == ("Ann", 31, 1989)
        assert new.rev != ann.rev
        assert await people.get("ann") == new
        assert (await people.get_raw("ann"))["birthYear"] == 1989
        cleared = await people.update("ann", {"age": None})
        assert cleared.age is None
        assert await people.get("ann") == cleared

    async def test_update_sees_what_others_wrote(self, target: AsyncStore) -> None:
        """Two repositories over one collection change different fields in turn and lose nothing."""
        one, other = (target.repository("people", Person) for _ in range(2))
        await one.create(Person(id="ann"))
        for age in range(5):
            await one.update("ann", {"age": age})
            seen = await other.update("ann", {"name": str(age)})
            assert (seen.age, seen.name) == (age, str(age))

    async def test_update_of_nothing(self, target: AsyncStore) -> None:
        """A missing document is NotFound; empty changes change only the revision."""
        people = target.repository("people", Person)
        with pytest.raises(NotFound):
            await people.update("nobody", {"age": 1})
        assert not await people.exists("nobody")
        await people.create(Person(id="ann", age=30))
        assert (await people.update("ann", {})).age == 30

    @pytest.mark.parametrize("changes", [{"shoe": 4}, {"id": "b"}, {"rev": "1"}, {"city": "Rome"}])
    async def test_update_of_a_field_that_may_not(
        self, target: AsyncStore, changes: dict[str, Any]
    ) -> None:
        """A change to an unknown or immutable field is InvalidData, with any other changes."""
        people = target.repository("people", Person, immutable={"city"})
        ann = await people.create(Person(id="ann", city="Oslo"))
        for id in ("ann", "nobody"):  # even before it is known whether there is a document
            with pytest.raises(InvalidData) as raised:
                await people.update(id, {"age": 31, **changes})
            assert [error["loc"] for error in raised.value.errors] == [tuple(changes)]
        with pytest.raises(InvalidData) as raised:
            await people.update("ann", {"age": -1, **changes})
        assert {error["loc"] for error in raised.value.errors} == {("age",), tuple(changes)}
        assert await people.get("ann") == ann

    async def test_update_obeys_its_own_model(self, target: AsyncStore) -> None:
        """With `update_model` the changes must fit that model as well."""
        people = target.repository("people", Person, update_model=PersonChanges)
        await people.create(Person(id="ann", age=200))
        assert (await people.update("ann", {"age": 150})).age == 150
        with pytest.raises(InvalidData):
            await people.update("ann", {"age": 151})
        assert (await people.get("ann")).age == 150

    @pytest.mark.parametrize("attempts", [0, -1, True, 1.5, "3", None])
    async def test_update_tries_at_least_once(self, target: AsyncStore, attempts: Any) -> None:
        """`attempts` must be a whole number from 1 on."""
        people = target.repository("people", Person)
        await people.create(Person(id="ann", age=1))
        with pytest.raises(InvalidArgument):
            await people.update("ann", {"age": 2}, attempts=attempts)
        assert (await people.get("ann")).age == 1

    async def test_update_with_a_revision_never_retries(self, target: AsyncStore) -> None:
        """An update of the present revision succeeds; of a stale one it is Conflict at once."""
        people = target.repository("people", Person)
        ann = await people.create(Person(id="ann", age=1))
        new = await people.update("ann", {"age": 2}, rev=ann.rev)
        for stale in (ann.rev, "invented"):
            with pytest.raises(Conflict) as raised:
                await people.update("ann", {"age": 3}, rev=stale)
            assert raised.value.reason == "stale_revision"
        assert await people.get("ann") == new
        with pytest.raises(NotFound):
            await people.update("nobody", {"age": 3}, rev=new.rev)

    async def test_thirty_writers_of_one_document(self, target: AsyncStore) -> None:
        """Thirty updates of different fields at once all succeed, and all are seen."""
        wide = target.repository("wide", Wide)
        await wide.create(Wide(id="a"))

        async def write(field: int) -> Any:
            return await wide.update("a", {f"f{field}": field + 1})

        made = await concurrently(write, [(n,) for n in range(WIDE)])
        assert len({document.rev for document in made}) == WIDE
        raw = await wide.get_raw("a")
        assert [raw[f"f{n}"] for n in range(WIDE)] == [n + 1 for n in range(WIDE)]

    async def test_thirty_writers_of_one_field(self, target: AsyncStore) -> None:
        """Thirty updates of one field at once all succeed, and one of them is the last."""
        people = target.repository("people", Person)
        await people.create(Person(id="ann"))

        async def write(age: int) -> Person:
            return await people.update("ann", {"age": age})

        made = await concurrently(write, [(n,) for n in range(30)])
        assert [document.age for document in made] == list(range(30))
        assert await people.get("ann") in made

    # --- destroy

    async def test_destroy_removes(self, target: AsyncStore) -> None:
        """No reader finds the document any more; removing it again is NotFound."""
        people = target.repository("people", Person)
        await people.create(Person(id="ann"))
        await people.destroy("ann")
        assert await people.find("ann") is None
        assert await people.get_many(["ann"]) == [None]
        assert list(await people.list()) == []
        for rev in (None, "1"):
            with pytest.raises(NotFound):
                await people.destroy("ann", rev=rev)

    async def test_destroy_with_a_revision(self, target: AsyncStore) -> None:
        """A stale revision is Conflict (stale_revision); with the present one it succeeds."""
        people = target.repository("people", Person)
        old = await people.create(Person(id="ann"))
        ann = await people.update("ann", {"age": 1})
        with pytest.raises(Conflict) as raised:
            await people.destroy("ann", rev=old.rev)
        assert raised.value.reason == "stale_revision"
        assert await people.get("ann") == ann
        await people.destroy("ann", rev=ann.rev)
        assert not await people.exists("ann")

    async def test_of_many_destroyers_one_wins(self, target: AsyncStore) -> None:
        """Of several that remove a document at the same time exactly one succeeds."""
        people = target.repository("people", Person)
        await people.create(Person(id="ann"))

        async def destroy() -> bool:
            try:
                await people.destroy("ann")
            except NotFound:
                return False
            return True

        assert sum(await concurrently(destroy, [()] * 8)) == 1
