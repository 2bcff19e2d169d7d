"""Documents go to CouchDB and from it, and what it does not have is refused or said."""

from __future__ import annotations

import pytest

from datapatterns import AsyncStore
from datapatterns.core.records import Unit
from datapatterns.couch._async.backend import AsyncBackend
from datapatterns.errors import InvalidArgument, Unsupported
from datapatterns.migration._async.migration import async_migrate
from datapatterns.store._async.store import transfer_of
from datapatterns.testing.conformance.samples import BY_AGE, Person

from .conftest import Open
from .things import NAMES, Wider, fill

COLLECTIONS = ("people", "A b/c", "n")
UNITS = {Unit("repository", name) for name in COLLECTIONS}


async def put(store: AsyncStore) -> None:
    """Store some documents in each of some collections, with fields that no model knows."""
    for name in COLLECTIONS:
        people = store.repository(name, Wider)
        more = [f"{n:04}" for n in range(220)] if name == "people" else []
        ids = [id for id in NAMES if not id.startswith("_")] + more
        for outcome in await people.create_many(
            Wider(id=id, age=n, shoe=[n, {"a": None}]) for n, id in enumerate(ids)
        ):
            assert isinstance(outcome, Wider)
    await store.repository("people", Wider).destroy("0007")


async def test_there_and_back(open_store: Open) -> None:
    """All documents arrive with their ids and fields, and indexes find them."""
    first, couch, last = [await open_store(kind) for kind in ("level", "couch", "redis")]
    await put(first)
    there = await async_migrate(first, couch, verify=True)
    assert there.ok
    assert set(there.units) == UNITS
    people = couch.repository("people", Wider, indexes=[BY_AGE])
    assert [one.age async for one in people.iterate("by_age", end=4)] == [0, 1, 2, 3]
    back = await async_migrate(couch, last, verify=True)
    assert back.ok
    assert back.left == {"design documents (repositories create theirs again)": 1}
    assert back.units == there.units
    digests = [{unit: str(c.source) for unit, c in r.compared.items()} for r in (there, back)]
    assert digests[0] == digests[1]


async def test_what_stays_behind(open_store: Open) -> None:
    """Attachments and checkpoints are listed beforehand; other namespaces are not read."""
    couch, other = await open_store("couch"), await open_store("couch")
    await couch.repository("people", Person).create(Person(id="a"))
    await other.repository("people", Person).create(Person(id="b"))
    backend = couch._backend
    assert isinstance(backend, AsyncBackend)
    [name] = [
        name
        for name in await backend.couch.read("GET", "/_all_dbs")
        if name == f"{backend._namespace}+people"
    ]
    database = backend.couch.database(name)
    inline = {"note": {"content_type": "text/plain", "data": "aGVsbG8="}}
    await database.put("c", {"name": "with", "_attachments": inline})
    report = await async_migrate(couch, await open_store("level"), verify=True)
    assert report.ok
    assert report.units == {Unit("repository", "people"): 2}
    assert report.left == {"attachments": 1}


async def test_what_couchdb_cannot_hold(open_store: Open) -> None:
    """Kinds and ids that CouchDB cannot hold are refused before anything is written."""
    source, couch = await open_store("level"), await open_store("couch")
    await fill(source)
    with pytest.raises(Unsupported, match="cannot hold calendar_counter, counter, groups"):
        await async_migrate(source, couch)
    assert not (await transfer_of(couch).inventory()).units
    await source.repository("people", Person).create(Person(id="_ours"))
    with pytest.raises(InvalidArgument, match="underscore"):
        await async_migrate(source, couch, kinds=["repository"])
