# Generated from datapatterns/testing/conformance/_async/schema_versions.py by scripts/unasync.py; do not edit.
"""The tests of models that change: versions, upgrades, aliases, defaults, and `rewrite`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from pydantic import AliasChoices, Field

from datapatterns import DataError, DecodeFailed, Document, Index, Store, upgrades
from datapatterns.contracts import Repository
from datapatterns.testing._sync.concurrently import concurrently
from datapatterns.testing.conformance._sync.target import Target
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

    def test_reading_upgrades(self, target: Store) -> None:
        """Every reading call shows the present version, and nothing is written."""
        old = target.repository("users", First)
        stored = old.create(First(id="ada", name="Ada King"))
        new = target.repository("users", Second)
        ada = new.get("ada")
        assert (ada.first, ada.last, ada.rev) == ("Ada", "King", stored.rev)
        assert list(new.list()) == new.get_many(["ada"]) == [ada]
        assert [one for one in new.iterate()] == [ada]
        assert old.get("ada") == stored

    @pytest.mark.parametrize("how", ["update", "patch", "replace", "put"])
    def test_writing_stores_the_present_version(self, target: Store, how: str) -> None:
        """A document that is written once can be read by the new program only."""
        old = target.repository("users", First)
        old.create(First(id="ada", name="Ada King"))
        new = target.repository("users", Second, indexes=[BY_LAST])
        ada = new.get("ada")
        changed = ada.model_copy(update={"visits": 1})
        calls: dict[str, Callable[[], Any]] = {
            "update": lambda: new.update("ada", {"visits": 1}),
            "patch": lambda: new.patch("ada", {"visits": 1}),
            "replace": lambda: new.replace(changed),
            "put": lambda: new.put(changed),
        }
        made = calls[how]()
        assert (made.first, made.last, made.visits) == ("Ada", "King", 1)
        assert new.get("ada") == made
        raw = new.get_raw("ada")
        assert raw["$schema_version"] == 2
        assert "name" not in raw
        assert list(new.query("by_last", "King")) == [made]
        with pytest.raises(DecodeFailed, match="written by a newer program"):
            old.get("ada")

    def test_a_newer_programs_document_is_never_overwritten(self, target: Store) -> None:
        """Every call of the older program that reads or writes it raises DecodeFailed."""
        new = target.repository("users", Second)
        ada = new.create(Second(id="ada", first="Ada", last="King"))
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
                call()
            assert raised.value.data["id"] == "ada"
            assert "newer program" in str(raised.value)
        with pytest.raises(DataError):
            old.create(instead)
        [outcome] = old.create_many([instead])
        assert isinstance(outcome, DataError)
        assert new.get("ada") == ada
        assert [one.data["id"] for one in old.check()] == ["ada"]
        bad: list[Any] = []
        assert list(old.list(on_bad=bad.append)) == []
        assert old.rewrite(on_bad=bad.append) == 0
        assert len(bad) == 2
        assert new.get("ada") == ada
        old.destroy("ada")
        assert new.count() == 0

    def test_a_document_that_cannot_be_upgraded(self, target: Store) -> None:
        """It is DecodeFailed by its id; pages and rewriting go past it."""
        old = target.repository("users", First)
        for id, name in (("a", "Ada King"), ("b", "Plato"), ("c", "Eve Adams")):
            old.create(First(id=id, name=name))
        new = target.repository("users", Second)
        with pytest.raises(DecodeFailed, match="cannot be upgraded") as raised:
            new.get("b")
        assert raised.value.data["id"] == "b"
        bad: list[Any] = []
        assert [one.id for one in new.list(on_bad=bad.append)] == ["a", "c"]
        with pytest.raises(DecodeFailed):
            new.rewrite()
        assert new.rewrite(on_bad=bad.append) == 0
        assert [error.data["id"] for error in bad] == ["b", "b"]
        assert [(new.get(id)).last for id in "ac"] == ["King", "Adams"]
        assert (old.get("b")).name == "Plato"


class TestRewrite:
    """Tests of `rewrite`, which stores every document as the model has it now."""

    pattern: ClassVar[str] = "repository"

    def _many(self, target: Store) -> Repository[First]:
        old = target.repository("users", First)
        made = old.create_many(
            First(id=f"{n:04}", name=f"Ada King{n % 7}") for n in range(MANY_OLD)
        )
        assert len(made) == MANY_OLD
        return old

    def test_rewrite_upgrades_everything_once(self, target: Store) -> None:
        """It returns the number of documents that it changed, tells how far it is, and ends."""
        self._many(target)
        new = target.repository("users", Second, indexes=[BY_LAST])
        assert new.count("by_last") == 0
        told: list[tuple[int, int]] = []
        assert new.rewrite(lambda *call: told.append(call)) == MANY_OLD
        assert told[-1] == (MANY_OLD, MANY_OLD)
        assert told == sorted(told)
        assert new.count("by_last") == MANY_OLD
        assert new.count("by_last", "King3") == sum(n % 7 == 3 for n in range(MANY_OLD))
        revs = {one.id: one.rev for one in new.iterate()}
        assert new.rewrite() == 0
        assert {one.id: one.rev for one in new.iterate()} == revs

    def test_rewrite_goes_on_after_an_interruption(self, target: Store) -> None:
        """What was rewritten before is passed over."""
        self._many(target)
        new = target.repository("users", Second)

        def stop(done: int, total: int) -> None:
            if 0 < done < total:
                raise KeyError(done)

        with pytest.raises(KeyError):
            new.rewrite(stop)
        left = new.rewrite()
        assert 0 < left < MANY_OLD
        raw = [new.get_raw(f"{n:04}") for n in range(0, MANY_OLD, 17)]
        assert {fields["$schema_version"] for fields in raw} == {2}

    def test_rewrite_keeps_what_others_write(self, target: Store) -> None:
        """Updates of both programs go on meanwhile; none is lost."""
        old = self._many(target)
        new = target.repository("users", Second)
        ids = [f"{n:04}" for n in range(0, MANY_OLD, 25)]

        def act(what: str) -> None:
            if what == "rewrite":
                new.rewrite()
                return
            for id in ids:
                if what == "new":
                    new.update(id, {"visits": 7})
                else:
                    try:
                        old.update(id, {"visits": 7})
                    except DecodeFailed:
                        new.update(id, {"visits": 7})

        concurrently(act, [("rewrite",), ("new",), ("old",)])
        assert [(new.get(id)).visits for id in ids] == [7] * len(ids)
        assert new.count() == MANY_OLD
        assert new.rewrite() == 0

    def test_rewrite_without_a_new_version(self, target: Target) -> None:
        """Old names give way to the present ones, defaults are stored, unknown fields stay."""
        old = target.repository("users", First)
        old.create(First(id="ada", name="Ada"))
        target.write_foreign_fields("users", "ada", {"shoe": {"size": 37}})
        new = target.repository("users", Renamed)
        ada = new.get("ada")
        assert (ada.full_name, ada.country) == ("Ada", "GB")
        assert new.rewrite() == 1
        raw = new.get_raw("ada")
        assert {name: raw[name] for name in raw.keys() - {"id", "rev"}} == {
            "full_name": "Ada",
            "visits": 0,
            "country": "GB",
            "shoe": {"size": 37},
        }
        assert new.rewrite() == 0
        again = new.get("ada")
        assert again.model_copy(update={"rev": ada.rev}) == ada

    def test_rewrite_of_nothing(self, target: Store) -> None:
        """An empty collection, and one that is up to date, need no writes."""
        users = target.repository("users", First)
        assert users.rewrite() == 0
        made = users.create(First(id="ada", name="Ada"))
        assert users.rewrite() == 0
        assert users.get("ada") == made
