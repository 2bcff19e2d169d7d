"""Documents that other programs stored and that our JSON parser refuses, among others."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx2
import pytest
from pydantic import model_validator

from datapatterns import (
    BadGateway,
    Change,
    DataError,
    DecodeFailed,
    Document,
    Index,
    InvalidData,
    NotFound,
)
from datapatterns.couch import AsyncChangesFeed, AsyncConflictResolver, AsyncDatabase, Query, View
from datapatterns.couch._async.repository import AsyncRepository
from datapatterns.couch._async.transfer import AsyncTransfer
from datapatterns.couch.database._async.ensure import ensure_designs
from datapatterns.couch.database.designs import DesignDocument
from datapatterns.testing._async.concurrently import concurrently
from datapatterns.testing.conformance.samples import BY_VALUE, Item

pytestmark = pytest.mark.couchdb3


class Note(Document):
    """A document with a number."""

    v: int = 0


BY_V = Index("by_v", "v")
DEEP = "[" * 300 + "]" * 300
IDS = ["a", "deep", "deepest", "z"]
GOOD = ["a", "z"]


def of(database: AsyncDatabase, model: Any = Note, *indexes: Index, **options: Any) -> Any:
    """Return a repository over that database."""
    return AsyncRepository(database.couch, database.name, model, indexes=indexes, **options)


async def store(database: AsyncDatabase, id: str, text: str) -> None:
    """Store this JSON text, as other programs do."""
    await database.couch.write("PUT", f"{database.path}/{id}", body=text.encode())


async def store_all(database: AsyncDatabase) -> None:
    """Store two documents that can be read, and between them two that cannot."""
    await store(database, "a", '{"v": 1}')
    await store(database, "deep", f'{{"v": 2, "deep": {DEEP}}}')
    await store(database, "deepest", f'{{"v": 3, "deep": {"[" * 9_000 + "]" * 9_000}}}')
    await store(database, "z", '{"v": 4, "text": "[[{{\\\\\\" \\u2028"}')


async def test_pages_and_batches_of_what_cannot_be_read(database: AsyncDatabase) -> None:
    """Each such document is DecodeFailed by its id, and `on_bad` gives all the others."""
    await store_all(database)
    notes = of(database, Note, BY_V)
    reads: list[Callable[..., Any]] = [
        notes.list,
        partial(notes.query, "by_v"),
        partial(notes.get_many, IDS),
    ]
    for read in reads:
        with pytest.raises(DecodeFailed) as raised:
            await read()
        assert raised.value.data == {"id": "deep"}
        bad: list[DecodeFailed] = []
        found = [one.id for one in await read(on_bad=bad.append) if one is not None]
        assert (found, [one.data["id"] for one in bad]) == (GOOD, ["deep", "deepest"])
    bad = []
    assert [one.id async for one in notes.iterate(on_bad=bad.append)] == GOOD
    assert [error.data["id"] for error in bad] == ["deep", "deepest"]
    assert await notes.count() == await notes.count("by_v") == 4
    assert [error.data["id"] for error in await notes.check()] == ["deep", "deepest"]


async def test_calls_for_what_cannot_be_read(database: AsyncDatabase) -> None:
    """Nothing is stored in its place, and it can be removed."""
    await store_all(database)
    notes = of(database)
    rev = str(await notes._batcher.revision("deep"))
    calls: list[Callable[[], Any]] = [
        lambda: notes.get("deep"),
        lambda: notes.find("deep"),
        lambda: notes.get_raw("deep"),
        lambda: notes.update("deep", {"v": 1}),
        lambda: notes.patch("deep", {"v": 1}),
        lambda: notes.replace(Note(id="deep", rev=rev)),
        lambda: notes.put(Note(id="deep")),
        lambda: database.get("deep"),
        lambda: database.bulk_get(["a", "deep"]),
        notes.rewrite,
    ]
    for call in calls:
        with pytest.raises(DecodeFailed) as raised:
            await call()
        assert raised.value.data == {"id": "deep"}
    assert await notes.exists("deep")
    assert await notes._batcher.revision("deep") == rev
    await notes.destroy("deep", rev=rev)
    await notes.destroy("deepest")
    assert [one.id for one in await notes.list()] == GOOD


async def test_gets_at_once(database: AsyncDatabase) -> None:
    """Of gets that share a request only those of such documents fail."""
    await store_all(database)
    notes = of(database)

    async def get(id: str) -> str:
        try:
            return (await notes.get(id)).id
        except DecodeFailed as error:
            return f"bad {error.data['id']}"

    found = await concurrently(get, [(id,) for id in IDS * 4])
    assert found == ["a", "bad deep", "bad deepest", "z"] * 4


async def test_as_deep_as_documents_may_be(database: AsyncDatabase) -> None:
    """A document with as many levels as may be stored is read from pages, batches and feeds."""
    value: Any = 1
    for _ in range(198):
        value = [value]
    items = of(database, Item)
    item = await items.create(Item(id="a", value=value))
    await store(database, "b", f'{{"value": {DEEP}}}')
    bad: list[DecodeFailed] = []
    assert list(await items.list(on_bad=bad.append)) == [item]
    assert await items.get_many(["a", "b"], on_bad=bad.append) == [item, None]
    assert [error.data["id"] for error in bad] == ["b", "b"]
    feed = AsyncChangesFeed(database.couch, database.name, Item)
    changes = {change.id: change for change in await feed.read()}
    assert changes["a"].document == item
    with pytest.raises(DecodeFailed):
        _ = changes["b"].document


async def test_what_an_index_cannot_hold(database: AsyncDatabase) -> None:
    """A stored value of too many levels is left out of the index and listed; ours are refused."""
    items = of(database, Item, BY_VALUE)
    for id, levels in (("a", 99), ("b", 100), ("c", 150), ("d", 300)):
        await store(database, id, f'{{"value": {"[" * levels + "]" * levels}}}')
    await store(database, "e", '{"value": 5}')
    assert [one.id for one in await items.query("by_value")] == ["e", "a", "b"]
    assert await items.count("by_value") == 3
    problems = await items.check()
    assert [error.data for error in problems] == [{"id": "c", "index": "by_value"}, {"id": "d"}]
    deep: Any = json.loads("[" * 150 + "]" * 150)
    calls: list[Callable[[], Any]] = [
        lambda: items.create(Item(value=deep)),
        lambda: items.update("e", {"value": deep}),
        lambda: items.put(Item(id="e", value=deep)),
    ]
    for call in calls:
        with pytest.raises(InvalidData, match="value"):
            await call()
    [outcome, made] = await items.create_many([Item(value=deep), Item(id="f", value=6)])
    assert isinstance(outcome, InvalidData)
    assert made.id == "f"
    updated = await items.update("c", {"value": [*deep, 1]})  # it was left out before, too
    assert updated.value == [*deep, 1]
    assert await items.count("by_value") == 4


async def test_rows_of_other_views(database: AsyncDatabase) -> None:
    """A view's row with such a document, key or value is DecodeFailed by the document's id."""
    await store_all(database)
    views = {
        "ids": View("function (doc) { emit(doc._id, null); }"),
        "values": View("function (doc) { emit(doc._id, doc.deep || 1); }"),
        "keys": View("function (doc) { emit(doc.deep || 1, null); }"),
    }
    await ensure_designs(database, [DesignDocument("d", views)])
    assert len(await database.rows("d", "ids")) == 4
    with pytest.raises(DecodeFailed, match="'deep'"):
        await database.rows("d", "ids", Query(include_docs=True))
    for view in ("values", "keys"):
        with pytest.raises(DecodeFailed, match="'deep'"):
            await database.view("d", view)


async def test_a_transfer_leaves_them(database: AsyncDatabase) -> None:
    """What cannot be read is named by `inventory` as left behind; all other documents go along."""
    await store_all(database)
    transfer = AsyncTransfer(database.couch)
    inventory = await transfer.inventory()
    [unit] = [unit for unit in inventory.units if unit.name == database.name]
    records = [record async for batch in transfer.export(unit) for record in batch.records]
    assert [record.id for record in records] == [("a",), ("z",)]
    assert inventory.left["documents that are not JSON that can be read"] >= 2


async def test_a_resolver_meets_them(database: AsyncDatabase) -> None:
    """A revision that cannot be read is DecodeFailed with the id, and no revision is removed."""
    leaves = [{"_id": "a", "_rev": f"2-{n}{'0' * 31}", "v": n} for n in range(2)]
    text = json.dumps(leaves).replace('"v": 1', f'"v": {DEEP}')
    body = b'{"new_edits": false, "docs": %b}' % text.encode()
    await database.couch.write("POST", f"{database.path}/_bulk_docs", body=body)
    resolver = AsyncConflictResolver(database.couch, database.name, Note, lambda notes: notes[0])
    with pytest.raises(DecodeFailed) as raised:
        await resolver.resolve("a")
    assert raised.value.data == {"id": "a"}
    bad: list[DecodeFailed] = []
    assert await of(database).get_many(["a"], on_bad=bad.append) == [None]
    assert len(bad) == 1, "the winner is the one that cannot be read"


async def test_a_batch_reads_the_winners(database: AsyncDatabase) -> None:
    """Of several open revisions every read gives the one that CouchDB shows."""
    letters = "0123456789abcdef"
    leaves: list[tuple[str, int, str, dict[str, Any]]] = [
        ("b", 2, "b", {"_deleted": True}),
        ("b", 2, "a", {"v": 5}),
        ("c", 10, "a", {"v": 6}),
        ("c", 9, "b", {"v": 7}),
        ("d", 3, "b", {"_deleted": True}),
        ("d", 2, "a", {"_deleted": True}),
    ]
    leaves += [("a", 2, letter, {"v": n}) for n, letter in enumerate(letters)]
    await database.bulk(
        [
            {"_id": id, "_rev": f"{number}-{letter * 32}", **fields}
            for id, number, letter, fields in leaves
        ],
        new_edits=False,
    )
    notes = of(database)
    expected = {"a": 15, "b": 5, "c": 6, "d": None}
    many = await notes.get_many(list(expected))
    assert [note and note.v for note in many] == list(expected.values())
    at_once = await concurrently(notes.find, [(id,) for id in [*expected] * 4])
    assert [note and note.v for note in at_once] == [*expected.values()] * 4
    assert [one.v for one in await notes.list()] == [15, 5, 6]


class Old(Document):
    """A document whose validator raises an error of its own for older ones."""

    full: str

    @model_validator(mode="before")
    @classmethod
    def join(cls, data: Any) -> Any:
        """Return the data with the full name."""
        return data if "full" in data else {**data, "full": data["first"] + data["last"]}


async def test_changes_of_what_does_not_validate(database: AsyncDatabase) -> None:
    """Whatever a validator raises is DecodeFailed for that change, and the feed goes on."""
    await store(database, "old", '{"first": "Ada"}')
    await store(database, "new", '{"full": "Ada Lovelace", "id": [4711], "rev": 5}')
    await store(database, "deep", f'{{"full": "x", "more": {DEEP}}}')
    feed = AsyncChangesFeed(database.couch, database.name, Old)
    changes = {change.id: change for change in await feed.read()}
    assert changes.keys() == {"old", "new", "deep"}
    for id in ("old", "deep"):
        with pytest.raises(DecodeFailed) as raised:
            _ = changes[id].document
        assert raised.value.data == {"id": id}
    new = changes["new"].document
    assert new is not None
    assert (new.id, new.rev, new.full) == ("new", changes["new"].rev, "Ada Lovelace")
    raw: AsyncChangesFeed[Any] = AsyncChangesFeed(database.couch, database.name)
    documents = {change.id: _document(change) for change in await raw.read()}
    assert documents["new"] == {"id": "new", "rev": new.rev, "full": "Ada Lovelace"}
    assert isinstance(documents["deep"], DecodeFailed)


def _document(change: Change[Any]) -> Any:
    """Return the change's document, or the error that reading it raises."""
    try:
        return change.document
    except DataError as error:
        return error


# --- numbers


ODD: tuple[Any, ...] = (10**309, -(10**700), 5e-324, [1, {"a": 10**400}], 1e-310)


async def test_numbers_that_couchdb_does_not_keep(database: AsyncDatabase) -> None:
    """They are InvalidData, naming the field, and cost their neighbours nothing."""
    items = of(database, Item)
    await items.create(Item(id="a", value=10**308))
    for value in ODD:
        documents = [Item(value=1), Item(value=value), Item(value=2.3e-308)]
        before, refused, behind = await items.create_many(documents)
        assert isinstance(refused, InvalidData)
        assert refused.errors[0]["loc"][0] == "value"
        assert (before.value, behind.value) == (1, 2.3e-308)
        calls: list[Callable[[], Any]] = [
            partial(items.create, Item(value=value)),
            partial(items.update, "a", {"value": value}),
            partial(items.put, Item(id="a", value=value)),
        ]
        for call in calls:
            with pytest.raises(InvalidData):
                await call()
    kept: tuple[Any, ...] = (10**308, -(2**53) - 1, "e-324 " + "7" * 700, {"e-310": 1})
    for value in kept:
        assert (await items.put(Item(id="a", value=value))).value == value
        assert (await items.get("a")).value == value


@pytest.mark.parametrize("digits", [700, 5_000])
async def test_an_integer_of_many_digits(digits: int) -> None:
    """A server that stores such numbers may have them in a page, a batch and a document."""
    many = f'{{"_id": "b", "_rev": "1-b", "n": {"7" * digits}, "v": 2}}'
    plain = '{"_id": "a", "_rev": "1-a", "v": 1}'
    rows = ", ".join(
        f'{{"id": "{id}", "key": "{id}", "value": {{"rev": "1-{id}"}}, "doc": {doc}}}'
        for id, doc in (("a", plain), ("b", many))
    )
    leaves = ", ".join(f'{{"id": "", "docs": [{{"ok": {doc}}}]}}' for doc in (plain, many))
    answers = {
        "/notes/_all_docs": f'{{"total_rows": 2, "offset": 0, "rows": [{rows}]}}',
        "/notes/_bulk_get": f'{{"results": [{leaves}]}}',
        "/notes/b": many.replace('": ', '":').replace(', "', ',"'),
    }

    def handle(request: httpx2.Request) -> httpx2.Response:
        text = answers[request.url.path].replace('": ', '":').replace(', "', ',"')
        return httpx2.Response(200, content=text)

    async with httpx2.AsyncClient(
        transport=httpx2.MockTransport(handle), base_url="http://one.example"
    ) as client:
        notes = AsyncRepository(client, "notes", Note, ensure=False)
        bad: list[DecodeFailed] = []
        expected = [1, 2] if digits == 700 else [1]
        assert [one.v for one in await notes.list(on_bad=bad.append)] == expected
        many_notes = await notes.get_many(["a", "b"], on_bad=bad.append)
        assert [one.v for one in many_notes if one is not None] == expected
        if digits == 700:
            assert (await notes.get("b")).v == 2
        else:
            assert [error.data["id"] for error in bad] == ["b", "b"]
            with pytest.raises(DecodeFailed):
                await notes.get("b")


BROKEN = (
    '{"_id": "b", "_rev": "1-b", "v": }', '{"_id": "b", "_rev": "1-b", "v": ' + "[" * 300 + "}",
    '{"_id": "b"} {"_id": "c"}', "[" * 300, "}" * 300, DEEP + "]", '{"v": "' + "7" * 5_000,
)  # fmt: skip


@pytest.mark.parametrize("text", BROKEN)
async def test_what_is_no_json_at_all(text: str) -> None:
    """A reply that is broken in another way is BadGateway."""
    async with httpx2.AsyncClient(
        transport=httpx2.MockTransport(lambda _: httpx2.Response(200, content=text)),
        base_url="http://one.example",
    ) as client:
        notes = AsyncRepository(client, "notes", Note, ensure=False)
        for call in (lambda: notes.get("b"), notes.list, lambda: notes.get_many(["b"])):
            with pytest.raises((BadGateway, NotFound)):
                await call()
