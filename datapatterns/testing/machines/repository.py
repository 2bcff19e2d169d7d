"""A state machine that drives a Repository with indexes and pages beside a plain dictionary.

    class Machine(RepositoryMachine):
        @contextmanager
        def store(self):
            with Store.from_url(...) as store:   # on a fresh namespace
                yield store

    TestMachine = Machine.TestCase

A store that keeps nothing unique or orders text otherwise says so in `indexes` and `collated`.
Hypothesis looks for a series of calls after which the two differ, and then for the shortest one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from datapatterns import Conflict, Document, Index, NotFound, Page, Store
from datapatterns.core.tuples import collate, pack

IDS = st.sampled_from(["", "a", "b", "a\x00", "\N{SLICE OF PIZZA}", "z:{}!", "A"]).map("i{}".format)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([-0.5, 0.5, 1.0, 2**53, 2**53 + 1, "", "a", "a\x00", "b", [], [1], {"a": 1}]),
)
GROUPS = st.sampled_from(["x", "y", None])
BY_VALUE, BY_BOTH = Index("by_value", "value"), Index("by_both", "group", "value")
SOME = Index("some", "value", where=lambda fields: fields["group"] is not None)
BY_CODE = Index("by_code", "code", unique=True, where=lambda fields: fields["code"] is not None)


class Thing(Document):
    """A document with a value of any kind, a group, and perhaps a code of its own."""

    value: Any = None
    group: str | None = None
    code: int | None = None


class RepositoryMachine(RuleBasedStateMachine):
    """Creates, replaces, updates, destroys and reads documents beside a dictionary."""

    indexes: ClassVar[Sequence[Index]] = (BY_VALUE, BY_BOTH, SOME, BY_CODE)

    def store(self) -> AbstractContextManager[Store]:
        """Open a store on a namespace that nothing has been written to; override this."""
        raise NotImplementedError("say which store to test")

    def collated(self, value: Any) -> Any:
        """Return the value as the store's indexes order it."""
        return collate(value)

    @initialize(some=st.dictionaries(IDS, st.tuples(VALUES, GROUPS), max_size=7))
    def begin(self, some: dict[str, tuple[Any, str | None]]) -> None:
        """Open the store and put a few documents into it, so that short series have full pages."""
        self._opened = self.store()
        store = self._opened.__enter__()
        # Two repositories over one collection: what one of them writes the other one reads.
        fewer = [index for index in self.indexes if index in (BY_CODE, BY_BOTH)]
        self.things = store.repository("things", Thing, indexes=self.indexes)
        self.others = store.repository("things", Thing, indexes=fewer)
        made = [Thing(id=id, value=value, group=group) for id, (value, group) in some.items()]
        self.model = {str(thing.id): self.things.create(thing) for thing in made}

    def teardown(self) -> None:
        """Close the store."""
        if hasattr(self, "_opened"):
            self._opened.__exit__(None, None, None)

    def _taken(self, id: str, code: int | None) -> bool:
        others = (thing for other, thing in self.model.items() if other != id)
        kept = BY_CODE in self.indexes and code is not None
        return kept and any(thing.code == code for thing in others)

    def _conflict(self, reason: str, call: Callable[[], Any]) -> None:
        with pytest.raises(Conflict) as raised:
            call()
        assert raised.value.reason == reason

    @rule(id=IDS, value=VALUES, group=GROUPS, code=st.none() | st.integers(0, 2))
    def create(self, id: str, value: Any, group: str | None, code: int | None) -> None:
        """Create a document; expect a Conflict if its id or its code is taken."""
        thing = Thing(id=id, value=value, group=group, code=code)
        if id in self.model or self._taken(id, code):
            self._conflict("exists", lambda: self.things.create(thing))
        else:
            self.model[id] = self.things.create(thing)

    @rule(id=IDS, value=VALUES, code=st.none() | st.integers(0, 2), fresh=st.booleans())
    def replace(self, id: str, value: Any, code: int | None, fresh: bool) -> None:
        """Replace a document; expect a Conflict unless the revision is the present one."""
        old = self.model.get(id)
        rev = old.rev if old is not None and fresh else "0-stale"
        thing = Thing(id=id, rev=rev, value=value, code=code)
        if old is None or not fresh:
            self._conflict("stale_revision", lambda: self.others.replace(thing))
        elif self._taken(id, code):
            self._conflict("exists", lambda: self.others.replace(thing))
        else:
            self.model[id] = self.others.replace(thing)

    @rule(
        id=IDS,
        changes=st.fixed_dictionaries(
            {}, optional={"value": VALUES, "group": GROUPS, "code": st.integers(0, 2)}
        ),
        one=st.booleans(),
    )
    def update(self, id: str, changes: dict[str, Any], one: bool) -> None:
        """Change the named fields through either repository."""
        repository = self.things if one else self.others
        if id not in self.model:
            with pytest.raises(NotFound):
                repository.update(id, changes)
        elif "code" in changes and self._taken(id, changes["code"]):
            self._conflict("exists", lambda: repository.update(id, changes))
        else:
            before, after = self.model[id], repository.update(id, changes)
            assert after.model_dump(exclude={"rev"}) == {
                **before.model_dump(exclude={"rev"}),
                **changes,
            }
            self.model[id] = after

    @rule(id=IDS)
    def destroy(self, id: str) -> None:
        """Remove a document; expect NotFound if it does not exist."""
        if id in self.model:
            self.others.destroy(id)
            del self.model[id]
        else:
            with pytest.raises(NotFound):
                self.others.destroy(id)

    @rule()
    def reindex(self) -> None:
        """Fill the indexes again; expect each to count the documents it has."""
        assert self.things.reindex() == len(self.indexes) * len(self.model)

    def _ordered(self, index: Index, things: list[Thing]) -> list[str]:
        """Return the ids in the order of the index, according to the model."""

        def key(thing: Thing) -> tuple[bytes, bytes]:
            fields = thing.model_dump()
            values = b"".join(pack(self.collated(fields[name])) for name in index.fields)
            return values, str(thing.id).encode()

        accepted = [t for t in things if index.where is None or index.where(t.model_dump())]
        return [str(thing.id) for thing in sorted(accepted, key=key)]

    @rule(
        which=st.integers(0, 3),
        limit=st.integers(1, 4),
        descending=st.booleans(),
    )
    def pages(self, which: int, limit: int, descending: bool) -> None:
        """Read all pages forth and back; expect every document once, in order."""
        index = self.indexes[which % len(self.indexes)]

        def fetch(after: str | None) -> Page[Thing]:
            options: dict[str, Any] = {"limit": limit, "descending": descending, "after": after}
            return self.things.query(index.name, **options)

        expected = self._ordered(index, list(self.model.values()))
        _walk(fetch, expected[::-1] if descending else expected)

    @rule(value=VALUES, group=GROUPS)
    def prefixes(self, value: Any, group: str | None) -> None:
        """Query by a prefix; expect equal values, whether whole numbers or fractions."""
        wanted = self.collated(value)
        same = [t for t in self.model.values() if self.collated(t.value) == wanted]
        assert [t.id for t in self.things.query("by_value", value)] == self._ordered(BY_VALUE, same)
        assert self.things.count("by_value", value) == len(same)
        same = [t for t in self.model.values() if t.group == group]
        found = [t.id for t in self.others.query("by_both", group)]
        assert found == self._ordered(BY_BOTH, same)
        assert self.others.count("by_both", group) == len(same)

    @invariant()
    def same(self) -> None:
        """Compare the documents, their order and their counts with the model."""
        if not hasattr(self, "model"):
            return
        ids = sorted(self.model, key=str.encode)
        assert list(self.things.iterate()) == [self.model[id] for id in ids]
        assert self.others.get_many(ids) == [self.model[id] for id in ids]
        assert self.things.count() == self.things.count("by_value") == len(ids)
        groups: dict[str | None, int] = {}
        for thing in self.model.values():
            groups[thing.group] = groups.get(thing.group, 0) + 1
        assert self.things.counts("by_both") == groups


def _walk(fetch: Callable[[str | None], Page[Thing]], expected: list[str]) -> None:
    """Follow `next` to the end and `previous` back to the beginning."""
    pages = [fetch(None)]
    while (after := pages[-1].next) is not None:
        pages.append(fetch(after))
        assert len(pages) <= len(expected), "the pages never end"
    assert [str(thing.id) for page in pages for thing in page] == expected
    page = pages.pop()
    while (before := page.previous) is not None:
        page = fetch(before)
        assert page.items == pages.pop().items
    assert not pages
