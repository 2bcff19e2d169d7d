"""The repository on CouchDB: attachments, names, foreign revisions, and other writers."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from pydantic import ConfigDict

from datapatterns import Conflict, Document, Index, InvalidData, NotFound
from datapatterns.couch import AsyncCouch, AsyncDatabase
from datapatterns.couch._async.repository import AsyncRepository
from datapatterns.errors import InvalidArgument
from datapatterns.testing._async.concurrently import concurrently
from datapatterns.testing.conformance.samples import BY_AGE, BY_VALUE, WIDE, Item, Person, Wide
from datapatterns.testing.servers import couch_at_hand

STRANGE = (
    'a"]]; emit(doc, 1); //', "'", "\\", "\\'", "\u2028", "\n", "*/", "</script>", "%s", "\x00",
    "\N{SLICE OF PIZZA}", "a b", "constructor", "__proto__", "_id",
)  # fmt: skip


class Open(Document):
    """A document that takes any further field."""

    model_config = ConfigDict(extra="allow")


def of(database: AsyncDatabase, model: Any, *indexes: Index, **options: Any) -> Any:
    """Return a repository over that database."""
    return AsyncRepository(database.couch, database.name, model, indexes=indexes, **options)


async def test_attachments_survive_an_update(database: AsyncDatabase) -> None:
    """Attachments survive updates, also in a row; `replace` stores no attachments."""
    people = of(database, Person)
    text = {"content_type": "text/plain", "data": base64.b64encode(b"hello").decode()}
    await database.put("ann", {"name": "Ann", "age": 1, "_attachments": {"a b.txt": text}})
    await concurrently(lambda age: people.update("ann", {"age": age}), [(n,) for n in range(4)])
    stored = await database.get("ann", attachments=True)
    assert base64.b64decode(stored["_attachments"]["a b.txt"]["data"]) == b"hello"
    assert set(await people.get_raw("ann")) == {"id", "rev", "name", "age"}
    await people.replace(await people.get("ann"))
    assert "_attachments" not in await database.get("ann")


async def test_fields_that_begin_with_an_underscore(database: AsyncDatabase) -> None:
    """Top-level fields that begin with an underscore are refused; nested ones are stored."""
    documents = of(database, Open)
    for name in ("_x", "_deleted", "_attachments", "_id", "_rev"):
        document = Open.model_validate({"id": "a", name: True})
        with pytest.raises(InvalidData):
            await documents.create(document)
        [outcome] = await documents.create_many([document])
        assert isinstance(outcome, InvalidData)
    made = await documents.create(Open.model_validate({"id": "b", "in": {"_x": 1}}))
    assert await documents.get("b") == made
    assert await documents.count() == 1


async def test_strange_field_names_in_an_index(database: AsyncDatabase) -> None:
    """A field's name is data in the map function, whatever characters it has."""
    indexes = [Index(f"i{n}", f"value.{name}") for n, name in enumerate(STRANGE)]
    items = of(database, Item, *indexes)
    await items.create_many(
        Item(id=str(n), value={name: n}) for n, name in enumerate(STRANGE) if name != "__proto__"
    )
    await items.create_many([Item(id="none", value={}), Item(id="list", value=[1])])
    for n, name in enumerate(STRANGE):
        expected = {} if name == "__proto__" else {n: 1}
        assert await items.counts(f"i{n}") == expected


async def test_no_such_field_where_javascript_has_one(database: AsyncDatabase) -> None:
    """Properties of JavaScript's objects and strings are not fields of a document."""
    names = ("constructor", "value.length", "value.0", "__proto__", "toString")
    items = of(database, Open, *[Index(name, name) for name in names])
    stored: list[dict[str, Any]] = [{"id": "a", "value": "text"}, {"id": "b", "value": [1]}]
    await items.create_many([Open.model_validate(fields) for fields in (*stored, {"id": "c"})])
    for name in names:
        assert await items.count(name) == 0


async def test_many_programs_update_one_document(
    couch_server: couch_at_hand.Couch, database: AsyncDatabase
) -> None:
    """Thirty writers over six clients all succeed, and every field has its writer's value."""
    await of(database, Wide).create(Wide(id="a"))
    clients = [AsyncCouch(couch_server.url) for _ in range(6)]
    try:
        each = [AsyncRepository(client, database.name, Wide) for client in clients]

        async def write(field: int) -> Any:
            return await each[field % 6].update("a", {f"f{field}": field + 1})

        made = await concurrently(write, [(n,) for n in range(WIDE)])
        assert len({document.rev for document in made}) == WIDE
        raw = await each[0].get_raw("a")
        assert [raw[f"f{n}"] for n in range(WIDE)] == [n + 1 for n in range(WIDE)]
    finally:
        for client in clients:
            await client.close()


async def test_attempts_come_to_an_end(database: AsyncDatabase) -> None:
    """An update that other writers overtake at every attempt is Conflict (contention)."""
    people = of(database, Person)
    await people.create(Person(id="ann"))
    write = people._batcher.write

    async def overtaken(id: str, data: bytes, *, new: bool) -> str:
        await database.put("ann", {**await database.get("ann"), "nick": str(len(data))})
        return await write(id, data, new=new)

    people._batcher.write = overtaken
    with pytest.raises(Conflict) as raised:
        await people.update("ann", {"age": 1}, attempts=3)
    assert raised.value.reason == "contention"
    assert (await people.get("ann")).age is None


@pytest.mark.couchdb3
async def test_revisions_of_other_makes(database: AsyncDatabase) -> None:
    """A replicated revision is accepted; an invented one never creates a document."""
    people = of(database, Person)
    await database.bulk([{"_id": "ann", "_rev": "1-abc", "age": 1}], new_edits=False)
    ann = await people.get("ann")
    assert ann.rev == "1-abc"
    ann = await people.replace(ann.model_copy(update={"age": 2}))
    await database.bulk([{"_id": "bob", "_rev": "7-x", "age": 1}], new_edits=False)
    await people.destroy("bob", rev="7-x")
    for rev in ("1-x", "2-abc", "1", "x", "1-" + "0" * 32, "-", "1-", "a-b", "\u0661-x"):
        for id in ("nobody", "bob", "ann"):
            with pytest.raises(Conflict):
                await people.replace(Person(id=id, rev=rev))
    assert [one async for one in people.iterate()] == [ann]


async def test_design_documents_are_not_listed(database: AsyncDatabase) -> None:
    """Pages by id and counts leave design documents out, wherever they lie among the ids."""
    indexes = [Index(f"i{n}", "value") for n in range(7)]
    items = of(database, Item, *indexes)
    ids = ["A", "Z", "^", "a", "b", "z"]
    await items.create_many(Item(id=id) for id in ids)
    assert await items.count() == len(ids)
    for limit in (1, 2, 5, 6, 20):
        for descending in (False, True):
            after, seen = None, list[str]()
            while True:
                page = await items.list(limit=limit, after=after, descending=descending)
                seen += [one.id for one in page]
                if (after := page.next) is None:
                    break
            assert seen == (ids[::-1] if descending else ids)
    with pytest.raises(InvalidArgument):
        await items.get("_design/i0")


@pytest.mark.couchdb3
async def test_keys_that_collate_as_equal(database: AsyncDatabase) -> None:
    """Keys that are equal in Unicode order are sorted by id, paged once each, counted as one."""
    items = of(database, Item, BY_VALUE)
    values = ["ab", "a\x00b", "ab", "a\x01b", "ab", "a\x00b"]
    await items.create_many(Item(id=str(n), value=value) for n, value in enumerate(values))
    assert list((await items.counts("by_value")).values()) == [6]
    for descending in (False, True):
        pages = [await items.query("by_value", limit=1, descending=descending)]
        while pages[-1].next is not None:
            pages.append(
                await items.query("by_value", limit=1, descending=descending, after=pages[-1].next)
            )
        seen = [one.id for page in pages for one in page]
        assert seen == sorted("012345", reverse=descending)


@pytest.mark.couchdb3
async def test_numbers_beyond_a_double(database: AsyncDatabase) -> None:
    """Larger whole numbers are found by the nearest double, and stored exactly."""
    items = of(database, Item, BY_VALUE)
    await items.create_many([Item(id="a", value=2**53 + 1), Item(id="b", value=2**53)])
    for value in (2**53, 2**53 + 1):
        assert {one.id for one in await items.query("by_value", value)} == {"a", "b"}
    assert (await items.get("a")).value == 2**53 + 1
    with pytest.raises(InvalidArgument):
        await items.query("by_value", 10**400)


async def test_two_declarations_of_an_index(database: AsyncDatabase) -> None:
    """Two programs that declare an index differently do not overwrite each other's."""
    old = of(database, Person, Index("by", "age"))
    new = of(database, Person, Index("by", "city", "age"))
    await old.create(Person(id="ann", age=1, city="Oslo"))
    await new.ensure()
    for _ in range(2):
        await old.ensure()
        await new.ensure()
        assert await old.counts("by") == {1: 1}
        assert await new.counts("by") == {"Oslo": 1}
    designs = await database.all_docs({"startkey": "_design/", "endkey": "_design0"})
    assert {row["value"]["rev"][:2] for row in designs} == {"1-"}, "one was written again"


async def test_without_ensure(couch: AsyncCouch, namespace: str) -> None:
    """With `ensure=False` a missing database is NotFound and is not created."""
    database = couch.database(namespace)
    people = of(database, Person, BY_AGE, ensure=False)
    for call in (people.get, people.find, people.exists, people.destroy):
        with pytest.raises(NotFound):
            await call("ann")
    with pytest.raises(NotFound):
        await people.create(Person(id="ann"))
    with pytest.raises(NotFound):
        await people.query("by_age")
    with pytest.raises(NotFound):
        await people.count()
    await people.ensure()
    assert await people.find("ann") is None
    assert await people.count("by_age") == 0
    await database.destroy()


@pytest.mark.couchdb3
async def test_a_partitioned_database(couch: AsyncCouch, namespace: str) -> None:
    """In a partitioned database only `partition:id` is accepted; indexes are over all."""
    database = couch.database(namespace, partitioned=True)
    people = of(database, Person, BY_AGE, partitioned=True)
    await people.create(Person(id="oslo:ann", age=1))
    made, refused = await people.create_many([Person(id="rome:bob", age=1), Person(id="bob")])
    assert isinstance(made, Person)
    assert isinstance(refused, InvalidArgument)
    assert [one.id for one in await people.query("by_age")] == ["oslo:ann", "rome:bob"]
    assert (await database.info())["props"] == {"partitioned": True}
    await database.destroy()


async def test_what_others_stored_under_our_names(database: AsyncDatabase) -> None:
    """Stored fields named `id` and `rev` are data that nobody reads, and updates keep them."""
    people = of(database, Person)
    await database.put("ann", {"id": 5, "rev": [6], "name": "Ann"})
    ann = await people.get("ann")
    assert (ann.id, ann.name, str(ann.rev)[:2]) == ("ann", "Ann", "1-")
    assert (await people.get_raw("ann"))["id"] == "ann"
    assert list(await people.list()) == await people.get_many(["ann"]) == [ann]
    assert (await people.update("ann", {"age": 3})).id == "ann"
    stored = await database.get("ann")
    assert (stored["id"], stored["rev"], stored["age"]) == (5, [6], 3)
