# Generated from tests/migration/_async/test_couch.py by scripts/unasync.py; do not edit.
"""Documents go to CouchDB and from it, and what it does not have is refused or said."""

from __future__ import annotations

import pytest

from datapatterns import Store
from datapatterns.core.records import Unit
from datapatterns.couch._sync.backend import Backend
from datapatterns.errors import InvalidArgument, Unsupported
from datapatterns.migration._sync.migration import migrate
from datapatterns.store._sync.store import transfer_of
from datapatterns.testing.conformance.samples import BY_AGE, Person

from .conftest import Open
from .things import NAMES, Wider, fill

COLLECTIONS = ("people", "A b/c", "n")
UNITS = {Unit("repository", name) for name in COLLECTIONS}


def put(store: Store) -> None:
    """Store some documents in each of some collections, with fields that no model knows."""
    for name in COLLECTIONS:
        people = store.repository(name, Wider)
        more = [f"{n:04}" for n in range(220)] if name == "people" else []
        ids = [id for id in NAMES if not id.startswith("_")] + more
        for outcome in people.create_many(
            Wider(id=id, age=n, shoe=[n, {"a": None}]) for n, id in enumerate(ids)
        ):
            assert isinstance(outcome, Wider)
    store.repository("people", Wider).destroy("0007")


def test_there_and_back(open_store: Open) -> None:
    """All documents arrive with their ids and fields, and indexes find them."""
    first, couch, last = [open_store(kind) for kind in ("level", "couch", "redis")]
    put(first)
    there = migrate(first, couch, verify=True)
    assert there.ok
    assert set(there.units) == UNITS
    people = couch.repository("people", Wider, indexes=[BY_AGE])
    assert [one.age for one in people.iterate("by_age", end=4)] == [0, 1, 2, 3]
    back = migrate(couch, last, verify=True)
    assert back.ok
    assert back.left == {"design documents (repositories create theirs again)": 1}
    assert back.units == there.units
    digests = [{unit: str(c.source) for unit, c in r.compared.items()} for r in (there, back)]
    assert digests[0] == digests[1]


def test_what_stays_behind(open_store: Open) -> None:
    """Attachments and checkpoints are listed beforehand; other namespaces are not read."""
    couch, other = open_store("couch"), open_store("couch")
    couch.repository("people", Person).create(Person(id="a"))
    other.repository("people", Person).create(Person(id="b"))
    backend = couch._backend
    assert isinstance(backend, Backend)
    [name] = [
        name
        for name in backend.couch.read("GET", "/_all_dbs")
        if name == f"{backend._namespace}+people"
    ]
    database = backend.couch.database(name)
    inline = {"note": {"content_type": "text/plain", "data": "aGVsbG8="}}
    database.put("c", {"name": "with", "_attachments": inline})
    report = migrate(couch, open_store("level"), verify=True)
    assert report.ok
    assert report.units == {Unit("repository", "people"): 2}
    assert report.left == {"attachments": 1}


def test_what_couchdb_cannot_hold(open_store: Open) -> None:
    """Kinds and ids that CouchDB cannot hold are refused before anything is written."""
    source, couch = open_store("level"), open_store("couch")
    fill(source)
    with pytest.raises(Unsupported, match="cannot hold calendar_counter, counter, groups"):
        migrate(source, couch)
    assert not (transfer_of(couch).inventory()).units
    source.repository("people", Person).create(Person(id="_ours"))
    with pytest.raises(InvalidArgument, match="underscore"):
        migrate(source, couch, kinds=["repository"])
