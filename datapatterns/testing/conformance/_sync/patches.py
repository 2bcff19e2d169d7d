# Generated from datapatterns/testing/conformance/_async/patches.py by scripts/unasync.py; do not edit.
"""The tests of `put` and `patch`, and of fields that never change."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, Field

from datapatterns import (
    Conflict,
    Document,
    Index,
    InvalidArgument,
    InvalidData,
    NotFound,
    Store,
)
from datapatterns.testing._sync.concurrently import concurrently
from datapatterns.testing.conformance._sync.target import Target
from datapatterns.testing.conformance.samples import BY_AGE, BY_NICK, Member, Person, PersonChanges


class Theme(BaseModel):
    """A nested choice."""

    name: str = "light"
    size: int = Field(default=10, ge=1, alias="fontSize")


class Settings(BaseModel):
    """Choices, nested twice."""

    theme: Theme = Theme()
    digest: bool = True
    words: dict[str, int] = Field(default_factory=dict[str, int])


class Reader(Document):
    """A document with nested choices."""

    settings: Settings = Settings()
    tags: list[str] = Field(default_factory=lambda: ["new"])
    nick: str | None = Field(default=None, alias="nickName")


DIGEST = Index("by_digest", "settings.digest")


class TestPatches:
    """Tests of `patch`, a JSON Merge Patch of the stored document."""

    pattern: ClassVar[str] = "repository"

    def test_a_patch_keeps_what_it_does_not_name(self, target: Target) -> None:
        """Members of nested objects stay, unknown ones too; indexes follow."""
        readers = target.repository("readers", Reader, indexes=[DIGEST])
        settings = Settings(digest=False, words={"a": 1, "b": 2})
        readers.create(Reader(id="a", settings=settings))
        raw = readers.get_raw("a")
        foreign = {"settings": {**raw["settings"], "beep": [1]}, "others": True}
        target.write_foreign_fields("readers", "a", foreign)
        readers = target.repository("readers", Reader, indexes=[DIGEST])
        made = readers.patch("a", {"settings": {"theme": {"fontSize": 12}}})
        assert made == readers.get("a")
        assert made.settings == Settings(
            theme=Theme(fontSize=12), digest=False, words={"a": 1, "b": 2}
        )
        raw = readers.get_raw("a")
        assert (raw["settings"]["beep"], raw["others"]) == ([1], True)
        made = readers.patch("a", {"settings": {"digest": True, "words": {"a": None}}})
        assert made.settings.words == {"b": 2}
        assert readers.counts("by_digest") == {True: 1}

    def test_a_patch_removes_with_null(self, target: Store) -> None:
        """A field whose member is removed has its default again; an array is replaced."""
        readers = target.repository("readers", Reader)
        made = readers.create(Reader(id="a", tags=["x"], nickName="n"))
        made = readers.patch("a", {"tags": None, "nick": None, "settings": {"theme": None}})
        assert (made.tags, made.nick, made.settings) == (["new"], None, Settings())
        made = readers.patch("a", {"tags": ["y", "z"], "nickName": "m"})
        assert (made.tags, made.nick) == (["y", "z"], "m")
        assert readers.get("a") == made

    def test_a_patch_obeys_the_model(self, target: Store) -> None:
        """Unknown and immutable names, wrong values and what is no object change nothing."""
        readers = target.repository("readers", Reader, immutable={"nick"})
        before = readers.create(Reader(id="a"))
        wrong: tuple[dict[str, Any], ...] = (
            {"nope": 1},
            {"id": "b"},
            {"rev": "1"},
            {"nick": "x"},
            {"nickName": "x"},
            {"settings": {"theme": {"fontSize": 0}}},
            {"settings": 7},
            {"tags": [1]},
            {"tags": [math.nan]},
            {"settings": {"words": {"a": object()}}},
        )
        for given in wrong:
            with pytest.raises(InvalidData):
                readers.patch("a", given)
        no_object: Any
        for no_object in (None, [], "x", 7, [("tags", [])]):
            with pytest.raises(InvalidArgument):
                readers.patch("a", no_object)
        assert [one for one in readers.iterate()] == [before]
        with pytest.raises(NotFound):
            readers.patch("nobody", {"tags": []})

    def test_a_patch_with_a_revision(self, target: Store) -> None:
        """A stale revision is Conflict; attempts are checked as those of an update."""
        readers = target.repository("readers", Reader)
        old = readers.create(Reader(id="a"))
        new = readers.patch("a", {"tags": ["1"]}, rev=old.rev)
        with pytest.raises(Conflict) as raised:
            readers.patch("a", {"tags": ["2"]}, rev=old.rev)
        assert raised.value.reason == "stale_revision"
        assert readers.get("a") == new
        with pytest.raises(InvalidArgument):
            readers.patch("a", {"tags": ["2"]}, attempts=0)

    def test_patches_at_once(self, target: Store) -> None:
        """Thirty patches of different members of one object all succeed, and all are seen."""
        readers = target.repository("readers", Reader)
        readers.create(Reader(id="a"))

        def write(number: int) -> Any:
            return readers.patch("a", {"settings": {"words": {str(number): number}}})

        concurrently(write, [(n,) for n in range(30)])
        words = (readers.get("a")).settings.words
        assert words == {str(n): n for n in range(30)}


class TestPut:
    """Tests of `put`, which creates or replaces."""

    pattern: ClassVar[str] = "repository"

    def test_put_creates_or_replaces(self, target: Target) -> None:
        """The last writer wins, whatever revision it carries; indexes follow."""
        people = target.repository("people", Person, indexes=[BY_AGE])
        made = people.put(Person(id="ann", name="Ann", age=1))
        assert people.get("ann") == made
        target.write_foreign_fields("people", "ann", {"shoe": 4})
        stale = made.model_copy(update={"age": 2, "rev": "1-stale"})
        again = people.put(stale)
        assert again.rev != made.rev
        assert people.get("ann") == again
        assert "shoe" not in people.get_raw("ann")
        assert people.counts("by_age") == {2: 1}
        people.destroy("ann")
        assert (people.put(again)).age == 2

    def test_put_obeys_a_unique_index(self, target: Store) -> None:
        """A value that another document has is Conflict; its own value is no obstacle."""
        if not target.capabilities.unique_index:
            return
        people = target.repository("people", Person, indexes=[BY_NICK])
        ann = people.put(Person(id="ann", nick="x"))
        ann = people.put(ann)
        for id in ("bob", "eve"):
            if id == "eve":
                people.create(Person(id="eve", nick="y"))
            with pytest.raises(Conflict) as raised:
                people.put(Person(id=id, nick="x"))
            assert (raised.value.reason, raised.value.data["index"]) == ("exists", "by_nick")
        assert people.counts("by_nick") == {"x": 1, "y": 1}

    def test_puts_at_once(self, target: Store) -> None:
        """All of many writers succeed, and the document is that of one of them."""
        people = target.repository("people", Person)

        def put(age: int) -> Person:
            return people.put(Person(id="ann", age=age))

        made = concurrently(put, [(n,) for n in range(20)])
        assert [one.age for one in made] == list(range(20))
        assert people.get("ann") in made
        assert people.count() == 1

    def test_put_takes_the_id_from_a_field(self, target: Store) -> None:
        """With `id_from` it is the field that says which document is replaced."""
        members = target.repository("members", Member, id_from="email")
        one = members.put(Member(email="a@example.com", name="one"))
        two = members.put(Member(email="a@example.com", name="two"))
        assert one.id == two.id == "a@example.com"
        assert [each.name for each in members.iterate()] == ["two"]


class TestImmutable:
    """Tests that fields which may not change do not change in any way."""

    pattern: ClassVar[str] = "repository"

    def test_immutable_fields_change_by_no_way(self, target: Store) -> None:
        """update, patch, replace and put refuse, naming the field; other fields change."""
        people = target.repository("people", Person, immutable={"city", "born"})
        ann = people.create(Person(id="ann", city="Oslo", birthYear=1990, age=1))
        for field, value in (("city", "Rome"), ("city", None), ("born", 1991)):
            change: dict[str, Any] = {field: value}
            other = ann.model_copy(update=change)
            calls: tuple[Callable[[], Any], ...] = (
                partial(people.update, "ann", change),
                partial(people.patch, "ann", change),
                partial(people.replace, other),
                partial(people.put, other),
            )
            for call in calls:
                with pytest.raises(InvalidData) as raised:
                    call()
                assert raised.value.errors[0]["loc"] == (field,)
                assert people.get("ann") == ann
        ann = people.replace(ann.model_copy(update={"age": 2}))
        ann = people.put(ann.model_copy(update={"age": 3}))
        ann = people.patch("ann", {"age": 4})
        assert people.update("ann", {"age": 5}) == people.get("ann")

    def test_the_field_of_the_id_changes_by_no_way(self, target: Store) -> None:
        """What was read can be replaced, since the field and the id stay the same."""
        members = target.repository("members", Member, id_from="email")
        ann = members.create(Member(email="ann@example.com"))
        other = {"email": "bob@example.com"}
        calls: tuple[Callable[[], Any], ...] = (
            lambda: members.update(ann.id, other),
            lambda: members.patch(ann.id, other),
            lambda: members.replace(ann.model_copy(update=other)),
        )
        for call in calls:
            with pytest.raises(InvalidData) as raised:
                call()
            assert raised.value.errors[0]["loc"] == ("email",)
        assert [one for one in members.iterate()] == [ann]
        assert members.replace(ann.model_copy(update={"name": "Ann"}))

    def test_the_model_of_changes_binds_every_way(self, target: Store) -> None:
        """What `update_model` does not allow is refused by update, patch and replace."""
        people = target.repository("people", Person, update_model=PersonChanges)
        ann = people.create(Person(id="ann", age=100))
        calls: tuple[Callable[[], Any], ...] = (
            lambda: people.update("ann", {"age": 151}),
            lambda: people.patch("ann", {"age": 151}),
            lambda: people.replace(ann.model_copy(update={"age": 151})),
        )
        for call in calls:
            with pytest.raises(InvalidData):
                call()
        assert people.get("ann") == ann
        assert (people.patch("ann", {"age": 150})).age == 150
