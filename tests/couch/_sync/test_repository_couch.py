# Generated from tests/couch/_async/test_repository_couch.py by scripts/unasync.py; do not edit.
"""The repository on CouchDB: attachments, names, foreign revisions, and other writers."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from pydantic import ConfigDict

from datapatterns import Conflict, Document, Index, InvalidData, NotFound
from datapatterns.couch import Couch, Database
from datapatterns.couch._sync.repository import Repository
from datapatterns.errors import InvalidArgument
from datapatterns.testing._sync.concurrently import concurrently
from datapatterns.testing.conformance.samples import BY_AGE, BY_VALUE, WIDE, Item, Person, Wide
from datapatterns.testing.servers import couch_at_hand

STRANGE = (
    'a"]]; emit(doc, 1); //', "'", "\\", "\\'", "\u2028", "\n", "*/", "</script>", "%s", "\x00",
    "\N{SLICE OF PIZZA}", "a b", "constructor", "__proto__", "_id",
)  # fmt: skip


class Open(Document):
    """A document that takes any further field."""

    model_config = ConfigDict(extra="allow")


def of(database: Database, model: Any, *indexes: Index, **options: Any) -> Any:
    """Return a repository over that database."""
    return Repository(database.couch, database.name, model, indexes=indexes, **options)


def test_attachments_survive_an_update(database: Database) -> None:
    """Attachments survive updates, also in a row; `replace` stores no attachments."""
    people = of(database, Person)
    text = {"content_type": "text/plain", "data": base64.b64encode(b"hello").decode()}
    database.put("ann", {"name": "Ann", "age": 1, "_attachments": {"a b.txt": text}})
    concurrently(lambda age: people.update("ann", {"age": age}), [(n,) for n in range(4)])
    stored = database.get("ann", attachments=True)
    assert base64.b64decode(stored["_attachments"]["a b.txt"]["data"]) == b"hello"
    assert set(people.get_raw("ann")) == {"id", "rev", "name", "age"}
    people.replace(people.get("ann"))
    assert "_attachments" not in database.get("ann")


def test_fields_that_begin_with_an_underscore(database: Database) -> None:
    """Top-level fields that begin with an underscore are refused; nested ones are stored."""
    documents = of(database, Open)
    for name in ("_x", "_deleted", "_attachments", "_id", "_rev"):
        document = Open.model_validate({"id": "a", name: True})
        with pytest.raises(InvalidData):
            documents.create(document)
        [outcome] = documents.create_many([document])
        assert isinstance(outcome, InvalidData)
    made = documents.create(Open.model_validate({"id": "b", "in": {"_x": 1}}))
    assert documents.get("b") == made
    assert documents.count() == 1


def test_strange_field_names_in_an_index(database: Database) -> None:
    """A field's name is data in the map function, whatever characters it has."""
    indexes = [Index(f"i{n}", f"value.{name}") for n, name in enumerate(STRANGE)]
    items = of(database, Item, *indexes)
    items.create_many(
        Item(id=str(n), value={name: n}) for n, name in enumerate(STRANGE) if name != "__proto__"
    )
    items.create_many([Item(id="none", value={}), Item(id="list", value=[1])])
    for n, name in enumerate(STRANGE):
        expected = {} if name == "__proto__" else {n: 1}
        assert items.counts(f"i{n}") == expected


def test_no_such_field_where_javascript_has_one(database: Database) -> None:
    """Properties of JavaScript's objects and strings are not fields of a document."""
    names = ("constructor", "value.length", "value.0", "__proto__", "toString")
    items = of(database, Open, *[Index(name, name) for name in names])
    stored: list[dict[str, Any]] = [{"id": "a", "value": "text"}, {"id": "b", "value": [1]}]
    items.create_many([Open.model_validate(fields) for fields in (*stored, {"id": "c"})])
    for name in names:
        assert items.count(name) == 0


def test_many_programs_update_one_document(
    couch_server: couch_at_hand.Couch, database: Database
) -> None:
    """Thirty writers over six clients all succeed, and every field has its writer's value."""
    of(database, Wide).create(Wide(id="a"))
    clients = [Couch(couch_server.url) for _ in range(6)]
    try:
        each = [Repository(client, database.name, Wide) for client in clients]

        def write(field: int) -> Any:
            return each[field % 6].update("a", {f"f{field}": field + 1})

        made = concurrently(write, [(n,) for n in range(WIDE)])
        assert len({document.rev for document in made}) == WIDE
        raw = each[0].get_raw("a")
        assert [raw[f"f{n}"] for n in range(WIDE)] == [n + 1 for n in range(WIDE)]
    finally:
        for client in clients:
            client.close()


def test_attempts_come_to_an_end(database: Database) -> None:
    """An update that other writers overtake at every attempt is Conflict (contention)."""
    people = of(database, Person)
    people.create(Person(id="ann"))
    write = people._batcher.write

    def overtaken(id: str, data: bytes, *, new: bool) -> str:
        database.put("ann", {**database.get("ann"), "nick": str(len(data))})
        return write(id, data, new=new)

    people._batcher.write = overtaken
    with pytest.raises(Conflict) as raised:
        people.update("ann", {"age": 1}, attempts=3)
    assert raised.value.reason == "contention"
    assert (people.get("ann")).age is None


@pytest.mark.couchdb3
def test_revisions_of_other_makes(database: Database) -> None:
    """A replicated revision is accepted; an invented one never creates a document."""
    people = of(database, Person)
    database.bulk([{"_id": "ann", "_rev": "1-abc", "age": 1}], new_edits=False)
    ann = people.get("ann")
    assert ann.rev == "1-abc"
    ann = people.replace(ann.model_copy(update={"age": 2}))
    database.bulk([{"_id": "bob", "_rev": "7-x", "age": 1}], new_edits=False)
    people.destroy("bob", rev="7-x")
    for rev in ("1-x", "2-abc", "1", "x", "1-" + "0" * 32, "-", "1-", "a-b", "\u0661-x"):
        for id in ("nobody", "bob", "ann"):
            with pytest.raises(Conflict):
                people.replace(Person(id=id, rev=rev))
    assert [one for one in people.iterate()] == [ann]


def test_design_documents_are_not_listed(database: Database) -> None:
    """Pages by id and counts leave design documents out, wherever they lie among the ids."""
    indexes = [Index(f"i{n}", "value") for n in range(7)]
    items = of(database, Item, *indexes)
    ids = ["A", "Z", "^", "a", "b", "z"]
    items.create_many(Item(id=id) for id in ids)
    assert items.count() == len(ids)
    for limit in (1, 2, 5, 6, 20):
        for descending in (False, True):
            after, seen = None, list[str]()
            while True:
                page = items.list(limit=limit, after=after, descending=descending)
                seen += [one.id for one in page]
                if (after := page.next) is None:
                    break
            assert seen == (ids[::-1] if descending else ids)
    with pytest.raises(InvalidArgument):
        items.get("_design/i0")


@pytest.mark.couchdb3
def test_keys_that_collate_as_equal(database: Database) -> None:
    """Keys that are equal in Unicode order are sorted by id, paged once each, counted as one."""
    items = of(database, Item, BY_VALUE)
    values = ["ab", "a\x00b", "ab", "a\x01b", "ab", "a\x00b"]
    items.create_many(Item(id=str(n), value=value) for n, value in enumerate(values))
    assert list((items.counts("by_value")).values()) == [6]
    for descending in (False, True):
        pages = [items.query("by_value", limit=1, descending=descending)]
        while pages[-1].next is not None:
            pages.append(
                items.query("by_value", limit=1, descending=descending, after=pages[-1].next)
            )
        seen = [one.id for page in pages for one in page]
        assert seen == sorted("012345", reverse=descending)


@pytest.mark.couchdb3
def test_numbers_beyond_a_double(database: Database) -> None:
    """Larger whole numbers are found by the nearest double, and stored exactly."""
    items = of(database, Item, BY_VALUE)
    items.create_many([Item(id="a", value=2**53 + 1), Item(id="b", value=2**53)])
    for value in (2**53, 2**53 + 1):
        assert {one.id for one in items.query("by_value", value)} == {"a", "b"}
    assert (items.get("a")).value == 2**53 + 1
    with pytest.raises(InvalidArgument):
        items.query("by_value", 10**400)


def test_two_declarations_of_an_index(database: Database) -> None:
    """Two programs that declare an index differently do not overwrite each other's."""
    old = of(database, Person, Index("by", "age"))
    new = of(database, Person, Index("by", "city", "age"))
    old.create(Person(id="ann", age=1, city="Oslo"))
    new.ensure()
    for _ in range(2):
        old.ensure()
        new.ensure()
        assert old.counts("by") == {1: 1}
        assert new.counts("by") == {"Oslo": 1}
    designs = database.all_docs({"startkey": "_design/", "endkey": "_design0"})
    assert {row["value"]["rev"][:2] for row in designs} == {"1-"}, "one was written again"


def test_without_ensure(couch: Couch, namespace: str) -> None:
    """With `ensure=False` a missing database is NotFound and is not created."""
    database = couch.database(namespace)
    people = of(database, Person, BY_AGE, ensure=False)
    for call in (people.get, people.find, people.exists, people.destroy):
        with pytest.raises(NotFound):
            call("ann")
    with pytest.raises(NotFound):
        people.create(Person(id="ann"))
    with pytest.raises(NotFound):
        people.query("by_age")
    with pytest.raises(NotFound):
        people.count()
    people.ensure()
    assert people.find("ann") is None
    assert people.count("by_age") == 0
    database.destroy()


@pytest.mark.couchdb3
def test_a_partitioned_database(couch: Couch, namespace: str) -> None:
    """In a partitioned database only `partition:id` is accepted; indexes are over all."""
    database = couch.database(namespace, partitioned=True)
    people = of(database, Person, BY_AGE, partitioned=True)
    people.create(Person(id="oslo:ann", age=1))
    made, refused = people.create_many([Person(id="rome:bob", age=1), Person(id="bob")])
    assert isinstance(made, Person)
    assert isinstance(refused, InvalidArgument)
    assert [one.id for one in people.query("by_age")] == ["oslo:ann", "rome:bob"]
    assert (database.info())["props"] == {"partitioned": True}
    database.destroy()


def test_what_others_stored_under_our_names(database: Database) -> None:
    """Stored fields named `id` and `rev` are data that nobody reads, and updates keep them."""
    people = of(database, Person)
    database.put("ann", {"id": 5, "rev": [6], "name": "Ann"})
    ann = people.get("ann")
    assert (ann.id, ann.name, str(ann.rev)[:2]) == ("ann", "Ann", "1-")
    assert (people.get_raw("ann"))["id"] == "ann"
    assert list(people.list()) == people.get_many(["ann"]) == [ann]
    assert (people.update("ann", {"age": 3})).id == "ann"
    stored = database.get("ann")
    assert (stored["id"], stored["rev"], stored["age"]) == (5, [6], 3)
