"""The tests of models that change: versions, upgrades, aliases, defaults, and `rewrite`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from pydantic import AliasChoices, Field

from datapatterns import AsyncStore, DataError, DecodeFailed, Document, Index, upgrades
from datapatterns.contracts import AsyncRepository
from datapatterns.testing._async.concurrently import concurrently
from datapatterns.testing.conformance._async.target import AsyncTarget
from datapatterns.testing.conformance.samples import MANY_OLD


class First(Document):
    """A user as the first program stores it."""

    name: str
    visits: int = 0


class Second(Document):
    """A user as the second program stores it: the name in two parts."""

    schema_version = 2

    first: str
    last: str
    visits: int = 0


@upgrades(Second, 1)
def split(fields: dict[str, Any]) -> dict[str, Any]:
    """Split the name; a name of one word raises ValueError."""
    first, last = fields.pop("name").split(" ")
    return {**fields, "first": first, "last": last}


class Renamed(Document):
    """The same user with a renamed field and a new one, without a new version."""

    full_name: str = Field(validation_alias=AliasChoices("full_name", "name"))
    visits: int = 0
    country: str = "GB"


BY_LAST = Index("by_last", "last")
BY_VISITS = Index("by_visits", "visits")


class TestSchemaVersions:
    """Tests of documents of earlier and later versions than the program's."""

    pattern: ClassVar[str] = "repository"

    async def test_reading_upgrades(self, target: AsyncStore) -> None:
        """Every reading call shows the present version, and nothing is written."""
        old = target.repository("users", First)
        stored = await old.create(First(id="ada", name="Ada King"))
        new = target.repository("users", Second)
        ada = await new.get("ada")
        assert (ada.first, ada.last, ada.rev) == ("Ada", "King", stored.rev)
        assert list(await new.list()) == await new.get_many(["ada"]) == [ada]
        assert [one async for one in new.iterate()] == [ada]
        assert await old.get("ada") == stored

    @pytest.mark.parametrize("how", ["update", "patch", "replace", "put"])
    async def test_writing_stores_the_present_version(self, target: AsyncStore, how: str) -> None:
        """A document that is written once can be read by the new program only."""
        old = target.repository("users", First)
        await old.create(First(id="ada", name="Ada King"))
        new = target.repository("users", Second, indexes=[BY_LAST])
        ada = await new.get("ada")
        changed = ada.model_copy(update={"visits": 1})
        calls: dict[str, Callable[[], Any]] = {
            "update": lambda: new.update("ada", {"visits": 1}),
            "patch": lambda: new.patch("ada", {"visits": 1}),
            "replace": lambda: new.replace(changed),
            "put": lambda: new.put(changed),
        }
        made = await calls[how]()
        assert (made.first, made.last, made.visits) == ("Ada", "King", 1)
        assert await new.get("ada") == made
        raw = await new.get_raw("ada")
        assert raw["$schema_version"] == 2
        assert "name" not in raw
        assert list(await new.query("by_last", "King")) == [made]
        with pytest.raises(DecodeFailed, match="written by a newer program"):
            await old.get("ada")

    async def test_a_newer_programs_document_is_never_overwritten(self, target: AsyncStore) -> None:
        """Every call of the older program that reads or writes it raises DecodeFailed."""
        new = target.repository("users", Second)
        ada = await new.create(Second(id="ada", first="Ada", last="King"))
        old = target.repository("users", First, immutable={"name"}, indexes=[BY_VISITS])
        instead = First(id="ada", rev=ada.rev, name="Eve")
        calls: tuple[Callable[[], Any], ...] = (
            lambda: old.get("ada"),
            lambda: old.list(),
            lambda: old.get_many(["ada"]),
            lambda: old.update("ada", {"visits": 7}),
            lambda: old.patch("ada", {"visits": 7}),
            lambda: old.replace(instead),
            lambda: old.put(instead),
            old.rewrite,
        )
        for call in calls:
            with pytest.raises(DecodeFailed) as raised:
                await call()
            assert raised.value.data["id"] == "ada"
            assert "newer program" in str(raised.value)
        with pytest.raises(DataError):
            await old.create(instead)
        [outcome] = await old.create_many([instead])
        assert isinstance(outcome, DataError)
        assert await new.get("ada") == ada
        assert [one.data["id"] for one in await old.check()] == ["ada"]
        bad: list[Any] = []
        assert list(await old.list(on_bad=bad.append)) == []
        assert await old.rewrite(on_bad=bad.append) == 0
        assert len(bad) == 2
        assert await new.get("ada") == ada
        await old.destroy("ada")
        assert await new.count() == 0

    async def test_a_document_that_cannot_be_upgraded(self, target: AsyncStore) -> None:
        """It is DecodeFailed by its id; pages and rewriting go past it."""
        old = target.repository("users", First)
        for id, name in (("a", "Ada King"), ("b", "Plato"), ("c", "Eve Adams")):
            await old.create(First(id=id, name=name))
        new = target.repository("users", Second)
        with pytest.raises(DecodeFailed, match="cannot be upgraded") as raised:
            await new.get("b")
        assert raised.value.data["id"] == "b"
        bad: list[Any] = []
        assert [one.id for one in await new.list(on_bad=bad.append)] == ["a", "c"]
        with pytest.raises(DecodeFailed):
            await new.rewrite()
        assert await new.rewrite(on_bad=bad.append) == 0
        assert [error.data["id"] for error in bad] == ["b", "b"]
        assert [(await new.get(id)).last for id in "ac"] == ["King", "Adams"]
        assert (await old.get("b")).name == "Plato"


class TestRewrite:
    """Tests of `rewrite`, which stores every document as the model has it now."""

    pattern: ClassVar[str] = "repository"

    async def _many(self, target: AsyncStore) -> AsyncRepository[First]:
        old = target.repository("users", First)
        made = await old.create_many(
            First(id=f"{n:04}", name=f"Ada King{n % 7}") for n in range(MANY_OLD)
        )
        assert len(made) == MANY_OLD
        return old

    async def test_rewrite_upgrades_everything_once(self, target: AsyncStore) -> None:
        """It returns the number of documents that it changed, tells how far it is, and ends."""
        await self._many(target)
        new = target.repository("users", Second, indexes=[BY_LAST])
        assert await new.count("by_last") == 0
        told: list[tuple[int, int]] = []
        assert await new.rewrite(lambda *call: told.append(call)) == MANY_OLD
        assert told[-1] == (MANY_OLD, MANY_OLD)
        assert told == sorted(told)
        assert await new.count("by_last") == MANY_OLD
        assert await new.count("by_last", "King3") == sum(n % 7 == 3 for n in range(MANY_OLD))
        revs = {one.id: one.rev async for one in new.iterate()}
        assert await new.rewrite() == 0
        assert {one.id: one.rev async for one in new.iterate()} == revs

    async def test_rewrite_goes_on_after_an_interruption(self, target: AsyncStore) -> None:
        """What was rewritten before is passed over."""
        await self._many(target)
        new = target.repository("users", Second)

        def stop(done: int, total: int) -> None:
            if 0 < done < total:
                raise KeyError(done)

        with pytest.raises(KeyError):
            await new.rewrite(stop)
        left = await new.rewrite()
        assert 0 < left < MANY_OLD
        raw = [await new.get_raw(f"{n:04}") for n in range(0, MANY_OLD, 17)]
        assert {fields["$schema_version"] for fields in raw} == {2}

    async def test_rewrite_keeps_what_others_write(self, target: AsyncStore) -> None:
        """Updates of both programs go on meanwhile; none is lost."""
        old = await self._many(target)
        new = target.repository("users", Second)
        ids = [f"{n:04}" for n in range(0, MANY_OLD, 25)]

        async def act(what: str) -> None:
            if what == "rewrite":
                await new.rewrite()
                return
            for id in ids:
                if what == "new":
                    await new.update(id, {"visits": 7})
                else:
                    try:
                        await old.update(id, {"visits": 7})
                    except DecodeFailed:
                        await new.update(id, {"visits": 7})

        await concurrently(act, [("rewrite",), ("new",), ("old",)])
        assert [(await new.get(id)).visits for id in ids] == [7] * len(ids)
        assert await new.count() == MANY_OLD
        assert await new.rewrite() == 0

    async def test_rewrite_without_a_new_version(self, target: AsyncTarget) -> None:
        """Old names give way to the present ones, defaults are stored, unknown fields stay."""
        old = target.repository("users", First)
        await old.create(First(id="ada", name="Ada"))
        await target.write_foreign_fields("users", "ada", {"shoe": {"size": 37}})
        new = target.repository("users", Renamed)
        ada = await new.get("ada")
        assert (ada.full_name, ada.country) == ("Ada", "GB")
        assert await new.rewrite() == 1
        raw = await new.get_raw("ada")
        assert {name: raw[name] for name in raw.keys() - {"id", "rev"}} == {
            "full_name": "Ada",
            "visits": 0,
            "country": "GB",
            "shoe": {"size": 37},
        }
        assert await new.rewrite() == 0
        again = await new.get("ada")
        assert again.model_copy(update={"rev": ada.rev}) == ada

    async def test_rewrite_of_nothing(self, target: AsyncStore) -> None:
        """An empty collection, and one that is up to date, need no writes."""
        users = target.repository("users", First)
        assert await users.rewrite() == 0
        made = await users.create(First(id="ada", name="Ada"))
        assert await users.rewrite() == 0
        assert await users.get("ada") == made
