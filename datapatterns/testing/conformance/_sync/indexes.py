# Generated from datapatterns/testing/conformance/_async/indexes.py by scripts/unasync.py; do not edit.
"""The tests of what every Repository promises about its indexes."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from datapatterns import (
    Conflict,
    DataError,
    Index,
    IndexNotUnique,
    InvalidArgument,
    Store,
    Unsupported,
)
from datapatterns.contracts import Repository
from datapatterns.testing._sync.concurrently import concurrently
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

    def _values(self, target: Store, values: tuple[Any, ...]) -> Repository[Item]:
        """Return a repository with these values, stored in a random order."""
        items = target.repository("items", Item, indexes=[BY_VALUE])
        numbered = list(enumerate(values))
        random.Random(5).shuffle(numbered)
        items.create_many(Item(id=f"{n:03}", value=value) for n, value in numbered)
        return items

    # --- order

    def test_values_of_all_kinds_are_in_order(self, target: Store) -> None:
        """The order is null, false, true, numbers, strings, arrays, objects; also backwards."""
        items = self._values(target, IN_ORDER)
        ids = [f"{n:03}" for n in range(len(IN_ORDER))]
        assert [one.id for one in items.iterate("by_value")] == ids
        assert [one.id for one in items.iterate("by_value", descending=True)] == ids[::-1]

    def test_whole_numbers_and_fractions_are_equal_by_value(self, target: Store) -> None:
        """1 and 1.0 are one key, found by either; true is another key."""
        items = self._values(target, (1.0, 1, True, 2, 0.0, -0.0, 0))
        for one in (1, 1.0):
            assert [item.id for item in items.query("by_value", one)] == ["000", "001"]
        assert [item.id for item in items.query("by_value", 0)] == ["004", "005", "006"]
        assert [item.id for item in items.query("by_value", True)] == ["002"]
        assert items.count("by_value", 1) == 2

    def test_large_numbers_are_told_apart(self, target: Store) -> None:
        """A backend whose order is exact keeps it exact beyond 2^53 too."""
        items = self._values(target, EXACT)
        found = [one.value for one in items.iterate("by_value")]
        if target.capabilities.collation == "bytewise":
            assert found == list(EXACT)
            assert [one.value for one in items.query("by_value", 2**53 + 1)] == [2**53 + 1]
        else:  # the server orders, and may keep numbers as doubles
            assert len(found) == len(EXACT)

    def test_strings_are_in_the_declared_order(self, target: Store) -> None:
        """Strings sort by bytes or by Unicode collation, as the capabilities declare."""
        items = self._values(target, ("B", "a", "b", "\u00e9", "\U0001f355"))
        found = [one.value for one in items.iterate("by_value")]
        if target.capabilities.collation == "bytewise":
            assert found == ["B", "a", "b", "\u00e9", "\U0001f355"]
        else:
            letters = [value for value in found if value != "\U0001f355"]
            assert letters == ["a", "b", "B", "\u00e9"]

    def test_strings_with_anything_in_them(self, target: Store) -> None:
        """A value may hold zero bytes and characters that names use; each is found by itself."""
        items = target.repository("items", Item, indexes=[BY_VALUE])
        items.create_many(Item(id=str(n), value=text) for n, text in enumerate(HOSTILE))
        for n, text in enumerate(HOSTILE):
            found = [one.id for one in items.query("by_value", text)]
            if target.capabilities.collation == "bytewise":
                assert found == [str(n)]
            else:
                assert str(n) in found

    # --- which documents, and where

    def test_an_absent_field_is_not_indexed(self, target: Store) -> None:
        """A null is indexed; a document without the field is not."""
        people = target.repository("people", Person, indexes=[BY_STREET])
        people.create(Person(id="none"))
        people.create(Person(id="null", address={"street": None}))
        people.create(Person(id="main", address={"street": "Main"}))
        assert [one.id for one in people.iterate("by_street")] == ["null", "main"]
        assert people.count("by_street") == 2
        people.update("main", {"address": {}})
        people.update("none", {"address": {"street": "Elm"}})
        assert [one.id for one in people.iterate("by_street")] == ["null", "none"]

    def test_an_index_may_be_partial(self, target: Store) -> None:
        """The index has the documents that `where` accepts now, or the backend refuses it."""
        if not target.capabilities.partial_index:
            with pytest.raises(Unsupported):
                target.repository("people", Person, indexes=[ADULTS])
            return
        people = target.repository("people", Person, indexes=[ADULTS])
        for id, age in (("a", 17), ("b", 18), ("c", None), ("d", 40)):
            people.create(Person(id=id, age=age))
        assert [one.id for one in people.iterate("adults")] == ["b", "d"]
        people.update("a", {"age": 19})
        people.update("d", {"age": 3})
        assert [one.id for one in people.iterate("adults")] == ["b", "a"]

    def test_an_index_follows_every_write(self, target: Store) -> None:
        """After each write the document is at once under its present key, and no other."""
        people = target.repository("people", Person, indexes=[BY_AGE, BY_CITY])
        ann = people.create(Person(id="ann", age=1, city="Oslo"))
        assert people.counts("by_age") == {1: 1}
        ann = people.update("ann", {"age": 2})
        assert people.counts("by_age") == {2: 1}
        ann = people.replace(Person(id="ann", rev=ann.rev, age=3, city="Rome"))
        assert people.counts("by_age") == {3: 1}
        assert people.counts("by_city") == {"Rome": 1}
        assert list(people.query("by_age", 3)) == [ann]
        people.destroy("ann")
        assert people.counts("by_age") == people.counts("by_city") == {}
        assert list(people.query("by_age")) == []

    def test_a_refused_write_leaves_the_index_alone(self, target: Store) -> None:
        """A write that raises Conflict changes no entry."""
        people = target.repository("people", Person, indexes=[BY_AGE])
        old = people.create(Person(id="ann", age=1))
        people.update("ann", {"age": 2})
        with pytest.raises(Conflict):
            people.create(Person(id="ann", age=3))
        with pytest.raises(Conflict):
            people.replace(old)
        with pytest.raises(Conflict):
            people.update("ann", {"age": 4}, rev=old.rev)
        assert people.counts("by_age") == {2: 1}

    def test_two_repositories_keep_each_others_indexes(self, target: Store) -> None:
        """Each of two repositories finds by its own index what the other one wrote."""
        one = target.repository("people", Person, indexes=[BY_AGE])
        other = target.repository("people", Person, indexes=[BY_CITY])
        one.create(Person(id="a", age=1, city="Oslo"))
        other.create(Person(id="b", age=2, city="Rome"))
        assert [p.id for p in one.query("by_age")] == ["a", "b"]
        assert [p.id for p in other.query("by_city")] == ["a", "b"]
        one.update("b", {"city": "Bern"})
        other.update("a", {"age": 3})
        assert [p.id for p in one.query("by_age")] == ["b", "a"]
        assert [p.id for p in other.query("by_city")] == ["b", "a"]
        one.destroy("a")
        assert other.counts("by_city") == {"Bern": 1}
        other.destroy("b")
        assert one.count("by_age") == 0

    # --- bounds

    def _ages(self, target: Store) -> Repository[Person]:
        people = target.repository("people", Person, indexes=[BY_AGE, BY_CITY_AND_AGE])
        people.create_many(
            Person(id=f"{city[0]}{age}", city=city, age=age)
            for age in (None, 0, 1, 2, 3)
            for city in ("Oslo", "Rome")
        )
        return people

    @pytest.mark.parametrize("start", [None, 0, 1, 2, 3, 4])
    @pytest.mark.parametrize("end", [None, 0, 1, 2, 3, 4])
    def test_start_is_in_and_end_is_out(
        self, target: Store, start: int | None, end: int | None
    ) -> None:
        """`start` is included and `end` excluded in either direction of reading."""
        people = self._ages(target)
        ages = [-1, 0, 1, 2, 3]  # -1 stands for null, which comes first
        up = [a for a in ages if (start is None or a >= start) and (end is None or a < end)]
        down = [a for a in ages[::-1] if (start is None or a <= start) and (end is None or a > end)]
        for descending, expected in ((False, up), (True, down)):
            bounds: dict[str, Any] = {"start": start, "end": end, "descending": descending}
            found = [one for one in people.iterate("by_city_and_age", "Rome", **bounds)]
            assert [-1 if one.age is None else one.age for one in found] == expected
            assert {one.city for one in found} <= {"Rome"}
            found = [one for one in people.iterate("by_age", **bounds)]
            assert len(found) == 2 * len(expected)

    def test_prefixes_of_a_composite_index(self, target: Store) -> None:
        """A query may give the first fields; its result is in the order of the others."""
        people = self._ages(target)
        assert [p.id for p in people.query("by_city_and_age", "Rome")] == [
            *("RNone", "R0", "R1", "R2", "R3")
        ]
        assert [p.id for p in people.query("by_city_and_age", "Rome", 2)] == ["R2"]
        assert [p.id for p in people.query("by_city_and_age", "Rome", None)] == ["RNone"]
        assert [p.id for p in people.query("by_city_and_age", "Ro")] == []
        assert len(people.query("by_city_and_age")) == 10
        assert people.count("by_city_and_age", "Rome") == 5
        assert people.count("by_city_and_age", "Rome", 2) == 1

    def test_queries_that_make_no_sense(self, target: Store) -> None:
        """An unknown index, a prefix too long, or bounds after a whole key are InvalidArgument."""
        people = self._ages(target)
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
                call()
        with pytest.raises(
            InvalidArgument, match="no index 'by_shoe'; declared are: 'by_age', 'by_city"
        ):
            people.query("by_shoe")
        with pytest.raises(InvalidArgument):
            Index("i")
        with pytest.raises(InvalidArgument):
            target.repository("others", Person, indexes=[Index("i", "age"), Index("i", "city")])

    def test_counts_by_depth(self, target: Store) -> None:
        """`counts` groups by the first value, or the first few, of the indexed documents."""
        people = self._ages(target)
        people.destroy("R3")
        assert people.counts("by_city_and_age") == {"Oslo": 5, "Rome": 4}
        deep = people.counts("by_city_and_age", depth=2)
        assert deep == {(p.city, p.age): 1 for p in people.iterate()}
        assert people.counts("by_age") == {None: 2, 0: 2, 1: 2, 2: 2, 3: 1}
        assert people.count("by_age") == people.count() == 9

    def test_counts_of_all_kinds_of_values(self, target: Store) -> None:
        """`counts` has each distinct value once, with the number of its documents."""
        values = (None, "", "a\x00b", "a", -(2**40), -7, 2, 2.5, -0.5, 2**40)
        items = self._values(target, values * 3)
        assert items.counts("by_value") == dict.fromkeys(values, 3)

    # --- unique

    def test_unique_is_there_or_refused(self, target: Store) -> None:
        """A backend without unique indexes refuses one when it is declared."""
        if target.capabilities.unique_index:
            target.repository("people", Person, indexes=[BY_NICK])
        else:
            with pytest.raises(Unsupported):
                target.repository("people", Person, indexes=[BY_NICK])

    def test_a_value_is_taken_once(self, target: Store) -> None:
        """A write of a taken value is Conflict (exists); nulls collide too."""
        if not target.capabilities.unique_index:
            return
        people = target.repository("people", Person, indexes=[BY_NICK])
        ann = people.create(Person(id="ann", nick="x"))
        bob = people.create(Person(id="bob", nick=None))
        calls: tuple[Callable[[], Any], ...] = (
            lambda: people.create(Person(id="new", nick="x")),
            lambda: people.create(Person(id="new", nick=None)),
            lambda: people.update("bob", {"nick": "x"}),
            lambda: people.replace(bob.model_copy(update={"nick": "x"})),
        )
        for call in calls:
            with pytest.raises(Conflict) as raised:
                call()
            assert raised.value.reason == "exists"
            assert raised.value.data["index"] == "by_nick"
        made, refused = people.create_many([Person(id="c", nick="c"), Person(nick="c")])
        assert isinstance(made, Person)
        assert isinstance(refused, Conflict)
        assert [one for one in people.iterate()] == [ann, bob, made]
        assert people.counts("by_nick") == {None: 1, "c": 1, "x": 1}

    def test_a_value_becomes_free_again(self, target: Store) -> None:
        """The holder may keep its value; a change or removal of the holder frees it."""
        if not target.capabilities.unique_index:
            return
        people = target.repository("people", Person, indexes=[BY_NICK])
        people.create(Person(id="ann", nick="x"))
        ann = people.update("ann", {"nick": "x", "age": 1})
        people.replace(ann)
        people.update("ann", {"nick": "y"})
        people.create(Person(id="bob", nick="x"))
        people.destroy("ann")
        people.update("bob", {"nick": "y"})
        assert people.counts("by_nick") == {"y": 1}

    def test_of_many_takers_one_wins(self, target: Store) -> None:
        """Of several new documents with one value at the same time, exactly one is stored."""
        if not target.capabilities.unique_index:
            return
        people = target.repository("people", Person, indexes=[BY_NICK])

        def create(id: str) -> str | None:
            try:
                return (people.create(Person(id=id, nick="x"))).id
            except Conflict:
                return None

        ids = concurrently(create, [(str(n),) for n in range(10)])
        winners = [id for id in ids if id is not None]
        assert winners == [one.id for one in people.iterate()]

    # --- new indexes, and filling them

    def _many(self, target: Store) -> list[Person]:
        people = target.repository("people", Person)
        made = people.create_many(Person(id=f"{n:04}", age=n % 7) for n in range(MANY))
        return [one for one in made if not isinstance(one, DataError)]

    def test_a_new_index_has_the_old_documents(self, target: Store) -> None:
        """An index declared later is filled before its first answer."""
        made = self._many(target)
        people = target.repository("people", Person, indexes=[BY_AGE, BY_CITY_AND_AGE])
        found = [one.id for one in people.iterate("by_age")]
        assert found == [one.id for one in sorted(made, key=lambda one: (one.age, one.id))]
        assert people.count("by_city_and_age") == MANY
        assert (people.counts("by_age"))[6] == MANY // 7

    def test_a_new_unique_index_knows_the_old_documents(self, target: Store) -> None:
        """A value taken before the index was declared is taken."""
        if not target.capabilities.unique_index:
            return
        target.repository("people", Person).create(Person(id="ann", nick="x"))
        people = target.repository("people", Person, indexes=[BY_NICK])
        with pytest.raises(Conflict):
            people.create(Person(id="bob", nick="x"))
        assert people.count() == 1

    def test_a_unique_index_that_cannot_be_filled(self, target: Store) -> None:
        """Only the repository that declares it gets IndexNotUnique, until the values differ."""
        if not target.capabilities.unique_index:
            return
        people = target.repository("people", Person, indexes=[BY_AGE])
        people.create_many(Person(id=id, age=1, nick="x") for id in "abc")
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
                call()
            assert raised.value.data["index"] == "by_nick"
            assert len(set(raised.value.data["ids"]) & set("abc")) == 2
        assert (strict.get("a")).nick == "x"
        assert strict.count() == len(strict.list()) == 3
        newly = target.repository("people", Person, indexes=[BY_AGE])
        for id, other in (("d", people), ("e", newly)):
            other.create(Person(id=id, age=2, nick="x"))
            other.update("a", {"age": 2})
            other.reindex()
        assert people.counts("by_age") == {1: 2, 2: 3}
        for id in "ade":
            people.update(id, {"nick": id})
        strict.destroy("b")
        assert strict.count("by_nick") == 4
        with pytest.raises(Conflict):
            strict.create(Person(nick="x"))

    def test_reindex_tells_how_far_it_is(self, target: Store) -> None:
        """`progress(done, total)` rises to the number that is returned."""
        self._many(target)
        people = target.repository("people", Person, indexes=[BY_AGE])
        people.ensure()
        calls: list[tuple[int, int]] = []
        done = people.reindex(lambda *call: calls.append(call))
        assert done == MANY
        assert calls[-1] == (MANY, MANY)
        assert calls == sorted(calls)
        assert people.count("by_age") == MANY
        assert people.reindex() == MANY

    def test_reindex_goes_on_where_it_was_stopped(self, target: Store) -> None:
        """The next call does only the rest; until then the index still answers in full."""
        if not target.capabilities.reindex_in_steps:
            return
        self._many(target)
        people = target.repository("people", Person, indexes=[BY_AGE])
        people.ensure()

        def stop_half_way(done: int, total: int) -> None:
            if 0 < done < total:
                raise KeyError(done)

        with pytest.raises(KeyError):
            people.reindex(stop_half_way)
        assert people.count("by_age") == MANY
        again = target.repository("people", Person, indexes=[BY_AGE])
        assert 0 < again.reindex() < MANY
        assert again.count("by_age") == MANY

    def test_reindex_disturbs_nobody(self, target: Store) -> None:
        """During `reindex` readers see everything and writers can write."""
        self._many(target)
        people = target.repository("people", Person, indexes=[BY_AGE])

        def act(what: str) -> None:
            if what == "reindex":
                people.reindex()
            for n in range(20):
                if what == "read":
                    assert people.count("by_age", 3) == MANY // 7 + (MANY % 7 > 3)
                if what == "write":
                    people.update(f"{7 * n:04}", {"age": 100})

        people.ensure()
        concurrently(act, [("reindex",), ("read",), ("write",)])
        assert people.count("by_age", 100) == 20
        assert people.count("by_age") == MANY

    def test_hostile_index_names_are_told_apart(self, target: Store) -> None:
        """Whatever its name, an index has its own entries only."""
        names = HOSTILE[:40]
        # Each orders by a field of its own, which one document has.
        indexes = [Index(name, f"value.f{n}") for n, name in enumerate(names)]
        items = target.repository("items", Item, indexes=indexes)
        items.create_many(Item(id=str(n), value={f"f{n}": n}) for n in range(len(names)))
        for n, name in enumerate(names):
            assert [one.id for one in items.query(name)] == [str(n)]
