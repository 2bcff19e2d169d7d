# Generated from datapatterns/testing/conformance/_async/bad_documents.py by scripts/unasync.py; do not edit.
"""The tests of documents that cannot be decoded, and of validators that raise anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from pydantic import field_validator

from datapatterns import (
    DataError,
    DecodeFailed,
    Document,
    Index,
    InvalidData,
    Store,
    Unavailable,
)
from datapatterns.contracts import Repository
from datapatterns.testing.conformance._sync.target import Target
from datapatterns.testing.conformance.samples import BY_AGE, Item, Person

# What a validator may raise, by the word that makes it do so.
RAISED: dict[str, Callable[[], BaseException]] = {
    "KeyError": lambda: KeyError("x"),
    "TypeError": lambda: TypeError("x"),
    "RecursionError": RecursionError,
    "OSError": lambda: OSError(5, "x"),
    "StopIteration": StopIteration,
    "Unavailable": lambda: Unavailable("x"),
    "DecodeFailed": lambda: DecodeFailed("x"),
}


class Touchy(Document):
    """A model whose validator raises what a word says."""

    word: str = ""
    number: int = 0

    @field_validator("word")
    @classmethod
    def _raise(cls, word: str) -> str:
        if word in RAISED:
            raise RAISED[word]()
        return word


class Loose(Document):
    """The same fields without a rule."""

    word: Any = ""
    number: Any = 0


BY_NUMBER = Index("by_number", "number")


class TestBadDocuments:
    """Tests that one document which cannot be decoded disturbs no other one."""

    pattern: ClassVar[str] = "repository"

    @pytest.mark.parametrize("word", RAISED)
    def test_a_validator_raises_on_the_way_in(self, target: Store, word: str) -> None:
        """It is InvalidData that names the exception, and nothing is stored."""
        touchy = target.repository("touchy", Touchy)
        good = touchy.create(Touchy(id="good"))
        bad = Touchy(id="bad")
        bad.word = word
        instead = good.model_copy(update={"word": word})
        calls: tuple[Callable[[], Any], ...] = (
            lambda: touchy.create(bad),
            lambda: touchy.put(bad),
            lambda: touchy.put(instead),
            lambda: touchy.replace(instead),
            lambda: touchy.update("good", {"word": word}),
            lambda: touchy.patch("good", {"word": word}),
        )
        for call in calls:
            with pytest.raises(InvalidData, match=word):
                call()
        refused, made = touchy.create_many([bad, Touchy(id="other")])
        assert isinstance(refused, InvalidData)
        assert [one for one in touchy.iterate()] == [good, made]

    @pytest.mark.parametrize("word", RAISED)
    def test_a_validator_raises_on_the_way_out(self, target: Store, word: str) -> None:
        """It is DecodeFailed with the id; the others are read, and it can be removed."""
        loose = target.repository("touchy", Loose)
        loose.create(Loose(id="bad", word=word, number=1))
        touchy = target.repository("touchy", Touchy)
        calls: tuple[Callable[[], Any], ...] = (
            lambda: touchy.get("bad"),
            lambda: touchy.find("bad"),
            lambda: touchy.get_many(["bad"]),
            lambda: touchy.list(),
            lambda: touchy.update("bad", {"number": 2}),
            lambda: touchy.patch("bad", {"number": 2}),
            touchy.rewrite,
        )
        for call in calls:
            with pytest.raises(DataError) as raised:
                call()
            assert isinstance(raised.value, DecodeFailed | InvalidData)
        with pytest.raises(DecodeFailed) as raised:
            touchy.get("bad")
        assert raised.value.data["id"] == "bad"
        assert (touchy.get_raw("bad"))["word"] == word
        mended = touchy.update("bad", {"word": "good"})
        assert mended == touchy.get("bad")
        loose.update("bad", {"word": word})
        touchy.destroy("bad")
        assert touchy.count() == 0

    def _mixed(self, target: Store) -> Repository[Person]:
        """Return a repository with five documents, of which the second and fourth are bad."""
        loose = target.repository("people", Item)
        for n, id in enumerate("abcde"):
            loose.create(Item(id=id))
            loose.destroy(id)
            target.repository("people", Person).create(Person(id=id, age=n))
        for id in "bd":
            assert isinstance(target, Target)
            target.write_foreign_fields("people", id, {"name": ["no", "text"]})
        return target.repository("people", Person, indexes=[BY_AGE])

    def test_a_page_raises_unless_told_what_to_do(self, target: Store) -> None:
        """Without `on_bad` the first bad document is DecodeFailed with its id."""
        people = self._mixed(target)

        def iterate() -> Any:
            return [one for one in people.iterate()]

        calls: tuple[Callable[[], Any], ...] = (
            lambda: people.list(),
            lambda: people.query("by_age"),
            lambda: people.get_many(["a", "b"]),
            iterate,
        )
        for call in calls:
            with pytest.raises(DecodeFailed) as raised:
                call()
            assert raised.value.data["id"] == "b"
        assert people.count() == people.count("by_age") == 5

    def test_on_bad_goes_on(self, target: Store) -> None:
        """The function gets each error; all other documents are returned, and cursors go on."""
        people = self._mixed(target)
        bad: list[Any] = []

        def take(error: DecodeFailed) -> None:
            bad.append(error.data["id"])

        assert [one.id for one in people.list(on_bad=take)] == ["a", "c", "e"]
        assert [one.id for one in people.query("by_age", on_bad=take)] == ["a", "c", "e"]
        assert [one.id for one in people.iterate(on_bad=take)] == ["a", "c", "e"]
        assert [one.id for one in people.iterate("by_age", on_bad=take)] == ["a", "c", "e"]
        found = people.get_many(["b", "a", "nobody", "d", "b"], on_bad=take)
        assert [one and one.id for one in found] == [None, "a", None, None, None]
        assert bad == [*"bdbdbdbdbdb"]

        bad.clear()
        first = people.list(limit=2, on_bad=take)
        second = people.list(limit=2, after=first.next, on_bad=take)
        third = people.list(limit=2, after=second.next, on_bad=take)
        assert [[one.id for one in page] for page in (first, second, third)] == [
            ["a"],
            ["c"],
            ["e"],
        ]
        assert third.next is None
        back = people.list(limit=2, after=third.previous, on_bad=take)
        assert [one.id for one in back] == ["c"]
        assert bad == [*"bdd"]

    def test_what_on_bad_raises_is_the_callers(self, target: Store) -> None:
        """An exception of the function ends the call as it is."""
        people = self._mixed(target)

        def fail(error: DecodeFailed) -> None:
            raise ZeroDivisionError

        for call in (people.list, lambda on_bad: people.get_many(["b"], on_bad=on_bad)):
            with pytest.raises(ZeroDivisionError):
                call(on_bad=fail)

    def test_check_lists_them(self, target: Store) -> None:
        """`check` returns an error for each, with its id, and nothing for good ones."""
        people = self._mixed(target)
        problems = people.check()
        assert [(type(one), one.data["id"]) for one in problems] == [
            (DecodeFailed, "b"),
            (DecodeFailed, "d"),
        ]
        for id in "bd":
            people.update(id, {"name": "mended"})
        assert people.check() == []

    def test_foreign_fields_of_our_names(self, target: Target) -> None:
        """Fields `id` and `rev` that others stored are theirs: nobody reads them as ours."""
        people = target.repository("people", Person, indexes=[BY_AGE])
        people.create(Person(id="ann", age=1))
        target.write_foreign_fields("people", "ann", {"id": 7, "rev": ["x"]})
        ann = people.get("ann")
        assert (ann.id, ann.age) == ("ann", 1)
        assert [one.id for one in people.list()] == ["ann"]
        assert [one.id for one in people.query("by_age", 1)] == ["ann"]
        assert people.get_many(["ann"]) == [ann]
        new = people.update("ann", {"age": 2}, rev=ann.rev)
        assert people.get("ann") == new
        assert people.check() == []
        people.destroy("ann", rev=new.rev)
        assert people.count() == 0

    def test_deep_and_long_foreign_values(self, target: Target) -> None:
        """Foreign values as deep and long as others may store them disturb no other document."""
        people = target.repository("people", Person, indexes=[BY_AGE])
        people.create_many(Person(id=id, age=1) for id in "abc")
        deep: Any = 1
        for _ in range(150):
            deep = [deep]
        long = 10**300 if target.capabilities.collation == "unicode" else 10**700
        target.write_foreign_fields("people", "b", {"deep": deep, "long": long})
        bad: list[Any] = []
        assert [one.id for one in people.list(on_bad=bad.append)] == [*"abc"]
        assert [one.id for one in people.query("by_age", on_bad=bad.append)] == [*"abc"]
        assert bad == []
        people.update("a", {"age": 2})
        assert (people.update("b", {"age": 3})).age == 3
        assert people.counts("by_age") == {1: 1, 2: 1, 3: 1}
        people.destroy("b")
        assert people.count() == 2
