# Generated from tests/couch/_async/test_resolver.py by scripts/unasync.py; do not edit.
"""Conflicting revisions are found, read, and merged, and none is lost."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from pydantic import AliasChoices, Field

from datapatterns import Conflict, DecodeFailed, Document, NotFound
from datapatterns.couch import Database
from datapatterns.couch._sync.resolver import ConflictResolver
from datapatterns.testing._sync.concurrently import concurrently
from datapatterns.testing.conformance.samples import Person

pytestmark = pytest.mark.couchdb3


def text(content: bytes) -> dict[str, str]:
    """An attachment."""
    return {"content_type": "text/plain", "data": base64.b64encode(content).decode()}


def diverge(database: Database, id: str, *versions: dict[str, Any]) -> None:
    """Store these as revisions of one document, as replication from several servers does."""
    database.bulk(
        [{"_id": id, "_rev": f"2-{n:032x}", **version} for n, version in enumerate(versions)],
        new_edits=False,
    )


def oldest(people: list[Person]) -> Person:
    """Merge: the greatest age, and all the names."""
    first = people[0]
    names = ",".join(sorted({name for one in people for name in one.name.split(",")}))
    return first.model_copy(update={"age": max(one.age or 0 for one in people), "name": names})


def of(database: Database, merge: Any = oldest) -> ConflictResolver[Person]:
    """Return the resolver of that database."""
    return ConflictResolver(database.couch, database.name, Person, merge)


def open_revisions(database: Database, id: str) -> int:
    """Return how many open revisions the document has."""
    return 1 + len((database.get(id, conflicts=True)).get("_conflicts", []))


def test_rivals_become_one(database: Database) -> None:
    """The merged document has fields and attachments of all revisions, and no rivals are left."""
    versions = (
        {"name": "a", "age": 1, "shoe": 4, "_attachments": {"a": text(b"a"), "b": text(b"old")}},
        {"name": "b", "age": 9, "hat": 5, "shoe": 6, "_attachments": {"c": text(b"c")}},
        {"name": "c", "age": 3, "shoe": 7, "_attachments": {"b": text(b"b")}},
    )
    diverge(database, "ann", *versions)
    resolver = of(database)
    assert [one.name for one in resolver.read("ann")] == ["c", "b", "a"]
    ann = resolver.resolve("ann")
    assert (ann.name, ann.age) == ("a,b,c", 9)
    stored = database.get("ann", conflicts=True, attachments=True)
    assert "_conflicts" not in stored
    assert (stored["shoe"], stored["hat"], stored["_rev"]) == (7, 5, ann.rev)
    data = {name: base64.b64decode(each["data"]) for name, each in stored["_attachments"].items()}
    assert data == {"a": b"a", "b": b"b", "c": b"c"}
    assert resolver.resolve("ann") == ann, "nothing more to do"


class Renamed(Document):
    """A document with a field that had another name before."""

    title: str = Field(default="", validation_alias=AliasChoices("label", "title"))


def test_rivals_under_a_former_name(database: Database) -> None:
    """A value under a field's former name does not come before the merged one."""
    diverge(database, "a", {"label": "x"}, {"label": "y", "more": 1})

    def merge(each: list[Renamed]) -> Renamed:
        return Renamed(id="a", label="+".join(sorted(one.title for one in each)))

    resolver = ConflictResolver(database.couch, database.name, Renamed, merge)
    assert (resolver.resolve("a")).title == "x+y"
    stored = database.get("a")
    assert (stored["title"], stored["more"], "label" in stored) == ("x+y", 1, False)


def test_all_that_have_rivals(database: Database) -> None:
    """Documents with rivals are found in pages and resolved; other documents stay unchanged."""
    resolver = of(database)
    assert resolver.resolve_all() == 0
    database.put("plain", {"name": "x"})
    for n in range(5):
        diverge(database, f"d{n}", *[{"name": str(k)} for k in range(n + 2)])
    page = resolver.conflicted(limit=2)
    assert page.items == ["d0", "d1"]
    assert page.next is not None
    assert resolver.resolve_all() == 5
    assert list(resolver.conflicted()) == []
    assert (database.get("d4"))["name"] == "0,1,2,3,4,5"
    assert (database.get("plain"))["_rev"][:2] == "1-"


def test_many_resolvers_at_once(database: Database) -> None:
    """Several resolvers beside writers end with one revision that has all values."""
    diverge(database, "ann", *[{"name": str(n), "age": n} for n in range(6)])

    def act(n: int) -> Any:
        if n < 4:
            return of(database).resolve("ann")
        stored = database.get("ann")
        try:
            return database.put("ann", {**stored, "nick": str(n)})
        except Conflict:
            return None

    concurrently(act, [(n,) for n in range(6)])
    ann = of(database).resolve("ann")
    assert (ann.name, ann.age) == ("0,1,2,3,4,5", 5)
    assert open_revisions(database, "ann") == 1


def test_a_crash_in_between_loses_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a crash between the write and the deletions, the rivals are merged the next time."""
    diverge(database, "ann", {"name": "a"}, {"name": "b"}, {"name": "c"})
    resolver = of(database)

    def crash(*_: Any) -> Any:
        raise KeyError("power")

    with monkeypatch.context() as patched:
        patched.setattr(resolver.database, "bulk", crash)
        with pytest.raises(KeyError):
            resolver.resolve("ann")
    assert open_revisions(database, "ann") == 3
    assert (resolver.resolve("ann")).name == "a,b,c"
    assert open_revisions(database, "ann") == 1


def test_what_cannot_be_resolved(database: Database) -> None:
    """An absent document, a bad revision or a failing merge raises and changes nothing."""
    with pytest.raises(NotFound):
        of(database).resolve("nobody")
    diverge(database, "ann", {"age": 1}, {"age": "x"})
    with pytest.raises(DecodeFailed):
        of(database).resolve("ann")
    diverge(database, "bob", {"age": 1}, {"age": 2})

    def fail(people: list[Person]) -> Person:
        raise KeyError(len(people))

    with pytest.raises(KeyError):
        of(database, fail).resolve("bob")
    assert open_revisions(database, "ann") == open_revisions(database, "bob") == 2
