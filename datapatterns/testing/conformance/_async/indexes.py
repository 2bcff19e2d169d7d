"""The tests of what every Repository promises about its indexes."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from datapatterns import (
    AsyncStore,
    Conflict,
    DataError,
    Index,
    IndexNotUnique,
    InvalidArgument,
    Unsupported,
)
from datapatterns.contracts import AsyncRepository
from datapatterns.testing._async.concurrently import concurrently
from datapatterns.testing.conformance.samples import (
    ADULTS,
    BY_AGE,
    BY_CITY,
    BY_CITY_AND_AGE,
    BY_NICK,
    BY_STREET,
    BY_VALUE,
    EXACT,
    HOSTILE,
    IN_ORDER,
    Item,
    Person,
)

MANY = 1_200  # documents: more than a backend goes through in one step


class TestIndexes:
    """Tests of indexes: order, bounds, counts, and how they follow the documents."""

    pattern: ClassVar[str] = "repository"

    async def _values(self, target: AsyncStore, values: tuple[Any, ...]) -> AsyncRepository[Item]:
        """Return a repository with these values, stored in a random order."""
        items = target.repository("items", Item, indexes=[BY_VALUE])
        numbered = list(enumerate(values))
        random.Random(5).shuffle(numbered)
        await items.create_many(Item(id=f"{n:03}", value=value) for n, value in numbered)
        return items

    # --- order

    async def test_values_of_all_kinds_are_in_order(self, target: AsyncStore) -> None:
        """The order is null, false, true, numbers, strings, arrays, objects; also backwards."""
        items = await self._values(target, IN_ORDER)
        ids = [f"{n:03}" for n in range(len(IN_ORDER))]
        assert [one.id async for one in items.iterate("by_value")] == ids
        assert [one.id async for one in items.iterate("by_value", descending=True)] == ids[::-1]

    async def test_whole_numbers_and_fractions_are_equal_by_value(self, target: AsyncStore) -> None:
        """1 and 1.0 are one key, found by either; true is another key."""
        items = await self._values(target, (1.0, 1, True, 2, 0.0, -0.0, 0))
        for one in (1, 1.0):
            assert [item.id for item in await items.query("by_value", one)] == ["000", "001"]
        assert [item.id for item in await items.query("by_value", 0)] == ["004", "005", "006"]
        assert [item.id for item in await items.query("by_value", True)] == ["002"]
        assert await items.count("by_value", 1) == 2

    async def test_large_numbers_are_told_apart(self, target: AsyncStore) -> None:
        """A backend whose order is exact keeps it exact beyond 2^53 too."""
        items = await self._values(target, EXACT)
        found = [one.value async for one in items.iterate("by_value")]
        if target.capabilities.collation == "bytewise":
            assert found == list(EXACT)
            assert [one.value for one in await items.query("by_value", 2**53 + 1)] == [2**53 + 1]
        else:  # the server orders, and may keep numbers as doubles
            assert len(found) == len(EXACT)

    async def test_strings_are_in_the_declared_order(self, target: AsyncStore) -> None:
        """Strings sort by bytes or by Unicode collation, as the capabilities declare."""
        items = await self._values(target, ("B", "a", "b", "\u00e9", "\U0001f355"))
        found = [one.value async for one in items.iterate("by_value")]
        if target.capabilities.collation == "bytewise":
            assert found == ["B", "a", "b", "\u00e9", "\U0001f355"]
        else:
            letters = [value for value in found if value != "\U0001f355"]
            assert letters == ["a", "b", "B", "\u00e9"]

    async def test_strings_with_anything_in_them(self, target: AsyncStore) -> None:
        """A value may hold zero bytes and characters that names use; each is found by itself."""
        items = target.repository("items", Item, indexes=[BY_VALUE])
        await items.create_many(Item(id=str(n), value=text) for n, text in enumerate(HOSTILE))
        for n, text in enumerate(HOSTILE):
            found = [one.id for one in await items.query("by_value", text)]
            if target.capabilities.collation == "bytewise":
                assert found == [str(n)]
            else:
                assert str(n) in found

    # --- which documents, and where

    async def test_an_absent_field_is_not_indexed(self, target: AsyncStore) -> None:
        """A null is indexed; a document without the field is not."""
        people = target.repository("people", Person, indexes=[BY_STREET])
        await people.create(Person(id="none"))
        await people.create(Person(id="null", address={"street": None}))
        await people.create(Person(id="main", address={"street": "Main"}))
        assert [one.id async for one in people.iterate("by_street")] == ["null", "main"]
        assert await people.count("by_street") == 2
        await people.update("main", {"address": {}})
        await people.update("none", {"address": {"street": "Elm"}})
        assert [one.id async for one in people.iterate("by_street")] == ["null", "none"]

    async def test_an_index_may_be_partial(self, target: AsyncStore) -> None:
        """The index has the documents that `where` accepts now, or the backend refuses it."""
        if not target.capabilities.partial_index:
            with pytest.raises(Unsupported):
                target.repository("people", Person, indexes=[ADULTS])
            return
        people = target.repository("people", Person, indexes=[ADULTS])
        for id, age in (("a", 17), ("b", 18), ("c", None), ("d", 40)):
            await people.create(Person(id=id, age=age))
        assert [one.id async for one in people.iterate("adults")] == ["b", "d"]
        await people.update("a", {"age": 19})
        await people.update("d", {"age": 3})
        assert [one.id async for one in people.iterate("adults")] == ["b", "a"]

    async def test_an_index_follows_every_write(self, target: AsyncStore) -> None:
        """After each write the document is at once under its present key, and no other."""
        people = target.repository("people", Person, indexes=[BY_AGE, BY_CITY])
        ann = await people.create(Person(id="ann", age=1, city="Oslo"))
        assert await people.counts("by_age") == {1: 1}
        ann = await people.update("ann", {"age": 2})
        assert await people.counts("by_age") == {2: 1}
        ann = await people.replace(Person(id="ann", rev=ann.rev, age=3, city="Rome"))
        assert await people.counts("by_age") == {3: 1}
        assert await people.counts("by_city") == {"Rome": 1}
        assert list(await people.query("by_age", 3)) == [ann]
        await people.destroy("ann")
        assert await people.counts("by_age") == await people.counts("by_city") == {}
        assert list(await people.query("by_age")) == []

    async def test_a_refused_write_leaves_the_index_alone(self, target: AsyncStore) -> None:
        """A write that raises Conflict changes no entry."""
        people = target.repository("people", Person, indexes=[BY_AGE])
        old = await people.create(Person(id="ann", age=1))
        await people.update("ann", {"age": 2})
        with pytest.raises(Conflict):
            await people.create(Person(id="ann", age=3))
        with pytest.raises(Conflict):
            await people.replace(old)
        with pytest.raises(Conflict):
            await people.update("ann", {"age": 4}, rev=old.rev)
        assert await people.counts("by_age") == {2: 1}

    async def test_two_repositories_keep_each_others_indexes(self, target: AsyncStore) -> None:
        """Each of two repositories finds by its own index what the other one wrote."""
        one = target.repository("people", Person, indexes=[BY_AGE])
        other = target.repository("people", Person, indexes=[BY_CITY])
        await one.create(Person(id="a", age=1, city="Oslo"))
        await other.create(Person(id="b", age=2, city="Rome"))
        assert [p.id for p in await one.query("by_age")] == ["a", "b"]
        assert [p.id for p in await other.query("by_city")] == ["a", "b"]
        await one.update("b", {"city": "Bern"})
        await other.update("a", {"age": 3})
        assert [p.id for p in await one.query("by_age")] == ["b", "a"]
        assert [p.id for p in await other.query("by_city")] == ["b", "a"]
        await one.destroy("a")
        assert await other.counts("by_city") == {"Bern": 1}
        await other.destroy("b")
        assert await one.count("by_age") == 0

    # --- bounds

    async def _ages(self, target: AsyncStore) -> AsyncRepository[Person]:
        people = target.repository("people", Person, indexes=[BY_AGE, BY_CITY_AND_AGE])
        await people.create_many(
            Person(id=f"{city[0]}{age}", city=city, age=age)
            for age in (None, 0, 1, 2, 3)
            for city in ("Oslo", "Rome")
        )
        return people

    @pytest.mark.parametrize("start", [None, 0, 1, 2, 3, 4])
    @pytest.mark.parametrize("end", [None, 0, 1, 2, 3, 4])
    async def test_start_is_in_and_end_is_out(
        self, target: AsyncStore, start: int | None, end: int | None
    ) -> None:
        """`start` is included and `end` excluded in either direction of reading."""
        people = await self._ages(target)
        ages = [-1, 0, 1, 2, 3]  # -1 stands for null, which comes first
        up = [a for a in ages if (start is None or a >= start) and (end is None or a < end)]
        down = [a for a in ages[::-1] if (start is None or a <= start) and (end is None or a > end)]
        for descending, expected in ((False, up), (True, down)):
            bounds: dict[str, Any] = {"start": start, "end": end, "descending": descending}
            found = [one async for one in people.iterate("by_city_and_age", "Rome", **bounds)]
            assert [-1 if one.age is None else one.age for one in found] == expected
            assert {one.city for one in found} <= {"Rome"}
            found = [one async for one in people.iterate("by_age", **bounds)]
            assert len(found) == 2 * len(expected)

    async def test_prefixes_of_a_composite_index(self, target: AsyncStore) -> None:
        """A query may give the first fields; its result is in the order of the others."""
        people = await self._ages(target)
        assert [p.id for p in await people.query("by_city_and_age", "Rome")] == [
            *("RNone", "R0", "R1", "R2", "R3")
        ]
        assert [p.id for p in await people.query("by_city_and_age", "Rome", 2)] == ["R2"]
        assert [p.id for p in await people.query("by_city_and_age", "Rome", None)] == ["RNone"]
        assert [p.id for p in await people.query("by_city_and_age", "Ro")] == []
        assert len(await people.query("by_city_and_age")) == 10
        assert await people.count("by_city_and_age", "Rome") == 5
        assert await people.count("by_city_and_age", "Rome", 2) == 1

    async def test_queries_that_make_no_sense(self, target: AsyncStore) -> None:
        """An unknown index, a prefix too long, or bounds after a whole key are InvalidArgument."""
        people = await self._ages(target)
        calls: tuple[Callable[[], Any], ...] = (
            lambda: people.query("by_shoe"),
            lambda: people.count("by_shoe"),
            lambda: people.counts("by_shoe"),
            lambda: people.query("by_age", 1, 2),
            lambda: people.query("by_age", 1, start=2),
            lambda: people.query("by_age", float("nan")),
            lambda: people.counts("by_age", depth=0),
            lambda: people.counts("by_age", depth=2),
            lambda: people.counts("by_age", depth=True),
        )
        for call in calls:
            with pytest.raises(InvalidArgument):
                await call()
        with pytest.raises(
            InvalidArgument, match="no index 'by_shoe'; declared are: 'by_age', 'by_city"
        ):
            await people.query("by_shoe")
        with pytest.raises(InvalidArgument):
            Index("i")
        with pytest.raises(InvalidArgument):
            target.repository("others", Person, indexes=[Index("i", "age"), Index("i", "city")])

    async def test_counts_by_depth(self, target: AsyncStore) -> None:
        """`counts` groups by the first value, or the first few, of the indexed documents."""
        people = await self._ages(target)
        await people.destroy("R3")
        assert await people.counts("by_city_and_age") == {"Oslo": 5, "Rome": 4}
        deep = await people.counts("by_city_and_age", depth=2)
        assert deep == {(p.city, p.age): 1 async for p in people.iterate()}
        assert await people.counts("by_age") == {None: 2, 0: 2, 1: 2, 2: 2, 3: 1}
        assert await people.count("by_age") == await people.count() == 9

    async def test_counts_of_all_kinds_of_values(self, target: AsyncStore) -> None:
        """`counts` has each distinct value once, with the number of its documents."""
        values = (None, "", "a\x00b", "a", -(2**40), -7, 2, 2.5, -0.5, 2**40)
        items = await self._values(target, values * 3)
        assert await items.counts("by_value") == dict.fromkeys(values, 3)

    # --- unique

    async def test_unique_is_there_or_refused(self, target: AsyncStore) -> None:
        """A backend without unique indexes refuses one when it is declared."""
        if target.capabilities.unique_index:
            target.repository("people", Person, indexes=[BY_NICK])
        else:
            with pytest.raises(Unsupported):
                target.repository("people", Person, indexes=[BY_NICK])

    async def test_a_value_is_taken_once(self, target: AsyncStore) -> None:
        """A write of a taken value is Conflict (exists); nulls collide too."""
        if not target.capabilities.unique_index:
            return
        people = target.repository("people", Person, indexes=[BY_NICK])
        ann = await people.create(Person(id="ann", nick="x"))
        bob = await people.create(Person(id="bob", nick=None))
        calls: tuple[Callable[[], Any], ...] = (
            lambda: people.create(Person(id="new", nick="x")),
            lambda: people.create(Person(id="new", nick=None)),
            lambda: people.update("bob", {"nick": "x"}),
            lambda: people.replace(bob.model_copy(update={"nick": "x"})),
        )
        for call in calls:
            with pytest.raises(Conflict) as raised:
                await call()
            assert raised.value.reason == "exists"
            assert raised.value.data["index"] == "by_nick"
        made, refused = await people.create_many([Person(id="c", nick="c"), Person(nick="c")])
        assert isinstance(made, Person)
        assert isinstance(refused, Conflict)
        assert [one async for one in people.iterate()] == [ann, bob, made]
        assert await people.counts("by_nick") == {None: 1, "c": 1, "x": 1}

    async def test_a_value_becomes_free_again(self, target: AsyncStore) -> None:
        """The holder may keep its value; a change or removal of the holder frees it."""
        if not target.capabilities.unique_index:
            return
        people = target.repository("people", Person, indexes=[BY_NICK])
        await people.create(Person(id="ann", nick="x"))
        ann = await people.update("ann", {"nick": "x", "age": 1})
        await people.replace(ann)
        await people.update("ann", {"nick": "y"})
        await people.create(Person(id="bob", nick="x"))
        await people.destroy("ann")
        await people.update("bob", {"nick": "y"})
        assert await people.counts("by_nick") == {"y": 1}

    async def test_of_many_takers_one_wins(self, target: AsyncStore) -> None:
        """Of several new documents with one value at the same time, exactly one is stored."""
        if not target.capabilities.unique_index:
            return
        people = target.repository("people", Person, indexes=[BY_NICK])

        async def create(id: str) -> str | None:
            try:
                return (await people.create(Person(id=id, nick="x"))).id
            except Conflict:
                return None

        ids = await concurrently(create, [(str(n),) for n in range(10)])
        winners = [id for id in ids if id is not None]
        assert winners == [one.id async for one in people.iterate()]

    # --- new indexes, and filling them

    async def _many(self, target: AsyncStore) -> list[Person]:
        people = target.repository("people", Person)
        made = await people.create_many(Person(id=f"{n:04}", age=n % 7) for n in range(MANY))
        return [one for one in made if not isinstance(one, DataError)]

    async def test_a_new_index_has_the_old_documents(self, target: AsyncStore) -> None:
        """An index declared later is filled before its first answer."""
        made = await self._many(target)
        people = target.repository("people", Person, indexes=[BY_AGE, BY_CITY_AND_AGE])
        found = [one.id async for one in people.iterate("by_age")]
        assert found == [one.id for one in sorted(made, key=lambda one: (one.age, one.id))]
        assert await people.count("by_city_and_age") == MANY
        assert (await people.counts("by_age"))[6] == MANY // 7

    async def test_a_new_unique_index_knows_the_old_documents(self, target: AsyncStore) -> None:
        """A value taken before the index was declared is taken."""
        if not target.capabilities.unique_index:
            return
        await target.repository("people", Person).create(Person(id="ann", nick="x"))
        people = target.repository("people", Person, indexes=[BY_NICK])
        with pytest.raises(Conflict):
            await people.create(Person(id="bob", nick="x"))
        assert await people.count() == 1

    async def test_a_unique_index_that_cannot_be_filled(self, target: AsyncStore) -> None:
        """Only the repository that declares it gets IndexNotUnique, until the values differ."""
        if not target.capabilities.unique_index:
            return
        people = target.repository("people", Person, indexes=[BY_AGE])
        await people.create_many(Person(id=id, age=1, nick="x") for id in "abc")
        strict = target.repository("people", Person, indexes=[BY_NICK])
        calls: tuple[Callable[[], Any], ...] = (
            lambda: strict.count("by_nick"),
            lambda: strict.query("by_nick"),
            lambda: strict.create(Person(id="new", nick="new")),
            lambda: strict.update("a", {"nick": "a"}),
            strict.reindex,
        )
        for call in (*calls, *calls):
            with pytest.raises(IndexNotUnique) as raised:
                await call()
            assert raised.value.data["index"] == "by_nick"
            assert len(set(raised.value.data["ids"]) & set("abc")) == 2
        assert (await strict.get("a")).nick == "x"
        assert await strict.count() == len(await strict.list()) == 3
        newly = target.repository("people", Person, indexes=[BY_AGE])
        for id, other in (("d", people), ("e", newly)):
            await other.create(Person(id=id, age=2, nick="x"))
            await other.update("a", {"age": 2})
            await other.reindex()
        assert await people.counts("by_age") == {1: 2, 2: 3}
        for id in "ade":
            await people.update(id, {"nick": id})
        await strict.destroy("b")
        assert await strict.count("by_nick") == 4
        with pytest.raises(Conflict):
            await strict.create(Person(nick="x"))

    async def test_reindex_tells_how_far_it_is(self, target: AsyncStore) -> None:
        """`progress(done, total)` rises to the number that is returned."""
        await self._many(target)
        people = target.repository("people", Person, indexes=[BY_AGE])
        await people.ensure()
        calls: list[tuple[int, int]] = []
        done = await people.reindex(lambda *call: calls.append(call))
        assert done == MANY
        assert calls[-1] == (MANY, MANY)
        assert calls == sorted(calls)
        assert await people.count("by_age") == MANY
        assert await people.reindex() == MANY

    async def test_reindex_goes_on_where_it_was_stopped(self, target: AsyncStore) -> None:
        """The next call does only the rest; until then the index still answers in full."""
        if not target.capabilities.reindex_in_steps:
            return
        await self._many(target)
        people = target.repository("people", Person, indexes=[BY_AGE])
        await people.ensure()

        def stop_half_way(done: int, total: int) -> None:
            if 0 < done < total:
                raise KeyError(done)

        with pytest.raises(KeyError):
            await people.reindex(stop_half_way)
        assert await people.count("by_age") == MANY
        again = target.repository("people", Person, indexes=[BY_AGE])
        assert 0 < await again.reindex() < MANY
        assert await again.count("by_age") == MANY

    async def test_reindex_disturbs_nobody(self, target: AsyncStore) -> None:
        """During `reindex` readers see everything and writers can write."""
        await self._many(target)
        people = target.repository("people", Person, indexes=[BY_AGE])

        async def act(what: str) -> None:
            if what == "reindex":
                await people.reindex()
            for n in range(20):
                if what == "read":
                    assert await people.count("by_age", 3) == MANY // 7 + (MANY % 7 > 3)
                if what == "write":
                    await people.update(f"{7 * n:04}", {"age": 100})

        await people.ensure()
        await concurrently(act, [("reindex",), ("read",), ("write",)])
        assert await people.count("by_age", 100) == 20
        assert await people.count("by_age") == MANY

    async def test_hostile_index_names_are_told_apart(self, target: AsyncStore) -> None:
        """Whatever its name, an index has its own entries only."""
        names = HOSTILE[:40]
        # Each orders by a field of its own, which one document has.
        indexes = [Index(name, f"value.f{n}") for n, name in enumerate(names)]
        items = target.repository("items", Item, indexes=indexes)
        await items.create_many(Item(id=str(n), value={f"f{n}": n}) for n in range(len(names)))
        for n, name in enumerate(names):
            assert [one.id for one in await items.query(name)] == [str(n)]
