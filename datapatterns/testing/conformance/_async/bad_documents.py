"""The tests of documents that cannot be decoded, and of validators that raise anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from pydantic import field_validator

from datapatterns import (
    AsyncStore,
    DataError,
    DecodeFailed,
    Document,
    Index,
    InvalidData,
    Unavailable,
)
from datapatterns.contracts import AsyncRepository
from datapatterns.testing.conformance._async.target import AsyncTarget
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
    async def test_a_validator_raises_on_the_way_in(self, target: AsyncStore, word: str) -> None:
        """It is InvalidData that names the exception, and nothing is stored."""
        touchy = target.repository("touchy", Touchy)
        good = await touchy.create(Touchy(id="good"))
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
                await call()
        refused, made = await touchy.create_many([bad, Touchy(id="other")])
        assert isinstance(refused, InvalidData)
        assert [one async for one in touchy.iterate()] == [good, made]

    @pytest.mark.parametrize("word", RAISED)
    async def test_a_validator_raises_on_the_way_out(self, target: AsyncStore, word: str) -> None:
        """It is DecodeFailed with the id; the others are read, and it can be removed."""
        loose = target.repository("touchy", Loose)
        await loose.create(Loose(id="bad", word=word, number=1))
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
                await call()
            assert isinstance(raised.value, DecodeFailed | InvalidData)
        with pytest.raises(DecodeFailed) as raised:
            await touchy.get("bad")
        assert raised.value.data["id"] == "bad"
        assert (await touchy.get_raw("bad"))["word"] == word
        mended = await touchy.update("bad", {"word": "good"})
        assert mended == await touchy.get("bad")
        await loose.update("bad", {"word": word})
        await touchy.destroy("bad")
        assert await touchy.count() == 0

    async def _mixed(self, target: AsyncStore) -> AsyncRepository[Person]:
        """Return a repository with five documents, of which the second and fourth are bad."""
        loose = target.repository("people", Item)
        for n, id in enumerate("abcde"):
            await loose.create(Item(id=id))
            await loose.destroy(id)
            await target.repository("people", Person).create(Person(id=id, age=n))
        for id in "bd":
            assert isinstance(target, AsyncTarget)
            await target.write_foreign_fields("people", id, {"name": ["no", "text"]})
        return target.repository("people", Person, indexes=[BY_AGE])

    async def test_a_page_raises_unless_told_what_to_do(self, target: AsyncStore) -> None:
        """Without `on_bad` the first bad document is DecodeFailed with its id."""
        people = await self._mixed(target)

        async def iterate() -> Any:
            return [one async for one in people.iterate()]

        calls: tuple[Callable[[], Any], ...] = (
            lambda: people.list(),
            lambda: people.query("by_age"),
            lambda: people.get_many(["a", "b"]),
            iterate,
        )
        for call in calls:
            with pytest.raises(DecodeFailed) as raised:
                await call()
            assert raised.value.data["id"] == "b"
        assert await people.count() == await people.count("by_age") == 5

    async def test_on_bad_goes_on(self, target: AsyncStore) -> None:
        """The function gets each error; all other documents are returned, and cursors go on."""
        people = await self._mixed(target)
        bad: list[Any] = []

        def take(error: DecodeFailed) -> None:
            bad.append(error.data["id"])

        assert [one.id for one in await people.list(on_bad=take)] == ["a", "c", "e"]
        assert [one.id for one in await people.query("by_age", on_bad=take)] == ["a", "c", "e"]
        assert [one.id async for one in people.iterate(on_bad=take)] == ["a", "c", "e"]
        assert [one.id async for one in people.iterate("by_age", on_bad=take)] == ["a", "c", "e"]
        found = await people.get_many(["b", "a", "nobody", "d", "b"], on_bad=take)
        assert [one and one.id for one in found] == [None, "a", None, None, None]
        assert bad == [*"bdbdbdbdbdb"]

        bad.clear()
        first = await people.list(limit=2, on_bad=take)
        second = await people.list(limit=2, after=first.next, on_bad=take)
        third = await people.list(limit=2, after=second.next, on_bad=take)
        assert [[one.id for one in page] for page in (first, second, third)] == [
            ["a"],
            ["c"],
            ["e"],
        ]
        assert third.next is None
        back = await people.list(limit=2, after=third.previous, on_bad=take)
        assert [one.id for one in back] == ["c"]
        assert bad == [*"bdd"]

    async def test_what_on_bad_raises_is_the_callers(self, target: AsyncStore) -> None:
        """An exception of the function ends the call as it is."""
        people = await self._mixed(target)

        def fail(error: DecodeFailed) -> None:
            raise ZeroDivisionError

        for call in (people.list, lambda on_bad: people.get_many(["b"], on_bad=on_bad)):
            with pytest.raises(ZeroDivisionError):
                await call(on_bad=fail)

    async def test_check_lists_them(self, target: AsyncStore) -> None:
        """`check` returns an error for each, with its id, and nothing for good ones."""
        people = await self._mixed(target)
        problems = await people.check()
        assert [(type(one), one.data["id"]) for one in problems] == [
            (DecodeFailed, "b"),
            (DecodeFailed, "d"),
        ]
        for id in "bd":
            await people.update(id, {"name": "mended"})
        assert await people.check() == []

    async def test_foreign_fields_of_our_names(self, target: AsyncTarget) -> None:
        """Fields `id` and `rev` that others stored are theirs: nobody reads them as ours."""
        people = target.repository("people", Person, indexes=[BY_AGE])
        await people.create(Person(id="ann", age=1))
        await target.write_foreign_fields("people", "ann", {"id": 7, "rev": ["x"]})
        ann = await people.get("ann")
        assert (ann.id, ann.age) == ("ann", 1)
        assert [one.id for one in await people.list()] == ["ann"]
        assert [one.id for one in await people.query("by_age", 1)] == ["ann"]
        assert await people.get_many(["ann"]) == [ann]
        new = await people.update("ann", {"age": 2}, rev=ann.rev)
        assert await people.get("ann") == new
        assert await people.check() == []
        await people.destroy("ann", rev=new.rev)
        assert await people.count() == 0

    async def test_deep_and_long_foreign_values(self, target: AsyncTarget) -> None:
        """Foreign values as deep and long as others may store them disturb no other document."""
        people = target.repository("people", Person, indexes=[BY_AGE])
        await people.create_many(Person(id=id, age=1) for id in "abc")
        deep: Any = 1
        for _ in range(150):
            deep = [deep]
        long = 10**300 if target.capabilities.collation == "unicode" else 10**700
        await target.write_foreign_fields("people", "b", {"deep": deep, "long": long})
        bad: list[Any] = []
        assert [one.id for one in await people.list(on_bad=bad.append)] == [*"abc"]
        assert [one.id for one in await people.query("by_age", on_bad=bad.append)] == [*"abc"]
        assert bad == []
        await people.update("a", {"age": 2})
        assert (await people.update("b", {"age": 3})).age == 3
        assert await people.counts("by_age") == {1: 1, 2: 1, 3: 1}
        await people.destroy("b")
        assert await people.count() == 2
