# Generated from tests/couch/_async/test_ensure.py by scripts/unasync.py; do not edit.
"""Databases and design documents are created and updated, by any number of callers at once."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from datapatterns.couch import Couch, Database, DesignDocument, Query, View
from datapatterns.couch.database._sync.ensure import ensure_designs
from datapatterns.errors import Conflict, InvalidArgument, NotFound, OutcomeUnknown, Unavailable
from datapatterns.testing._sync.concurrently import concurrently, meanwhile

EMIT = "function (doc) { emit(doc.n, %s); }"


def design(value: object = 1, **more: Any) -> DesignDocument:
    """A design document whose view emits that value."""
    return DesignDocument("numbers", {"by_n": View(EMIT % value, "_count")}, **more)


def test_ensure_again(couch: Couch, namespace: str) -> None:
    """A design document is written again only if it differs."""
    database = couch.database(namespace)
    couch.ensure([namespace], {namespace: [design()]})
    first = database.get("_design/numbers")
    couch.ensure([namespace], {namespace: [design()]})
    assert database.get("_design/numbers") == first
    couch.ensure(designs={namespace: [design(2)]})
    second = database.get("_design/numbers")
    assert second["_rev"] != first["_rev"]
    assert second["views"] == design(2).stored()["views"]
    database.destroy()


def test_fields_of_others(couch: Couch, database: Database) -> None:
    """Only the given fields are compared and written, in any order; other fields stay."""
    reordered = {
        "views": {"by_n": {"reduce": "_count", "map": EMIT % 1}},
        "language": "javascript",
        "note": "of somebody else",
    }
    rev = database.put("_design/numbers", reordered)
    couch.ensure(designs={database.name: [design()]})
    assert (database.get("_design/numbers"))["_rev"] == rev
    couch.ensure(designs={database.name: [design(2)]})
    assert (database.get("_design/numbers"))["note"] == "of somebody else"


@pytest.mark.couchdb3
def test_all_that_a_design_may_hold(couch: Couch, database: Database) -> None:
    """Filters, a validation and options are stored with the views."""
    whole = design(
        filters={"odd": "function (doc) { return doc.n % 2; }"},
        validate="function (new_, old, user) { if (new_.bad) { throw({forbidden: 'bad'}); } }",
        options={"include_design": True},
    )
    couch.ensure(designs={database.name: [whole]}, wait_built=True)
    stored = database.get("_design/numbers")
    assert stored["options"] == {"include_design": True}
    assert stored["filters"].keys() == {"odd"}
    assert stored["validate_doc_update"].startswith("function")


@pytest.mark.parametrize("wait_built", [False, pytest.param(True, marks=pytest.mark.couchdb3)])
def test_many_at_once(couch: Couch, namespace: str, wait_built: bool) -> None:
    """Twenty callers with two versions all succeed, and the database ends with one of these."""

    def ensure(version: int) -> None:
        designs = {namespace: [design(version)]}
        couch.ensure([namespace], designs, wait_built=wait_built)

    concurrently(ensure, [(number % 2,) for number in range(20)])
    database = couch.database(namespace)
    stored = database.get("_design/numbers")
    assert stored["views"] in [design(version).stored()["views"] for version in (0, 1)]
    assert len(database.all_docs({"startkey": "_design/", "endkey": "_design0"})) == 1
    database.destroy()


@pytest.mark.couchdb3
def test_readers_do_not_wait(couch: Couch, database: Database) -> None:
    """While a new index is built, readers get complete answers from the old one."""
    database.bulk([{"_id": str(n), "n": n} for n in range(700)])
    couch.ensure(designs={database.name: [design(1)]}, wait_built=True)
    slow = "(function () { var i = 0; while (i < 30000) { i += 1; } return 2; }())"
    before: list[Any] = []
    during: list[Any] = []
    told: list[tuple[str, int, int]] = []
    building = [True]

    def read() -> None:
        while building:
            into = during if told else before  # what is told comes from the build
            rows = database.rows("numbers", "by_n", Query(limit=2))
            into.append([row.value for row in rows])

    with meanwhile(read):
        try:
            couch.ensure(
                designs={database.name: [design(slow)]},
                wait_built=True,
                progress=lambda design, done, total: told.append((design.name, done, total)),
            )
        finally:
            building.clear()
    assert [1, 1] in during  # the old index answers, though the new one was begun before
    assert {tuple(answer) for answer in before + during} <= {(1, 1), (2, 2)}
    assert {name for name, _, _ in told} == {"numbers"}
    assert all(0 <= done <= total for _, done, total in told)
    assert max(total for _, _, total in told) >= 700
    assert told[-1][1] == told[-1][2]
    assert [row["id"] for row in database.all_docs({"startkey": "_design/"})][:1] == [
        "_design/numbers"
    ]
    assert [row.value for row in database.rows("numbers", "by_n", Query(limit=1))] == [2]


@pytest.mark.couchdb3
def test_left_by_a_killed_process(couch: Couch, database: Database) -> None:
    """The second design document that a killed process left behind is used and removed."""
    aside = design().aside()
    couch.ensure(designs={database.name: [aside]})
    couch.ensure(designs={database.name: [design()]}, wait_built=True)
    with pytest.raises(NotFound):
        database.get(aside.id)


@pytest.mark.couchdb3
@pytest.mark.parametrize("wait_built", [False, True])
@pytest.mark.parametrize(
    ("view", "kind"),
    [
        (View("function (doc) {"), "map"),
        (View("1 + 1"), "map"),
        (View(EMIT % 1, "function ( {"), "reduce"),
    ],
)
def test_broken_function(
    couch: Couch, database: Database, view: View, kind: str, wait_built: bool
) -> None:
    """A function that does not compile is InvalidArgument that names it; nothing is written."""
    couch.ensure(designs={database.name: [design()]})
    before = database.all_docs({})
    broken = DesignDocument("numbers", {"by_n": View(EMIT % 1), "it's": view})
    with pytest.raises(InvalidArgument, match=f'{kind} function of the view "it\'s"'):
        couch.ensure(designs={database.name: [broken]}, wait_built=wait_built)
    assert database.all_docs({}) == before


@pytest.mark.couchdb3
def test_unknown_reducer(couch: Couch, database: Database) -> None:
    """A built-in reducer that does not exist is InvalidArgument."""
    wrong = DesignDocument("numbers", {"by_n": View(EMIT % 1, "_median")})
    with pytest.raises(InvalidArgument, match="numbers"):
        couch.ensure(designs={database.name: [wrong]})


@pytest.mark.parametrize(
    ("databases", "designs"),
    [
        ("abc", {}),
        (["Upper"], {}),
        ([""], {}),
        ([1], {}),
        ([], {"x/../y\n": []}),
        ([], {"name": ["design"]}),
        ([], {"name": design()}),
        ([], {"name": [design(1), design(2)]}),
    ],
)
def test_malformed_arguments(couch: Couch, namespace: str, databases: Any, designs: Any) -> None:
    """Malformed arguments raise InvalidArgument before anything is created."""
    names = databases if isinstance(databases, str) else [namespace, *databases]
    with pytest.raises(InvalidArgument):
        couch.ensure(names, designs)
    assert namespace not in couch.read("GET", "/_all_dbs")


@pytest.mark.parametrize(
    "make",
    [
        lambda: View(""),
        lambda: View(1),
        lambda: View(EMIT, 1),
        lambda: View("\ud800"),
        lambda: DesignDocument(""),
        lambda: DesignDocument("x", {"": View(EMIT)}),
        lambda: DesignDocument("x", {"lib": View(EMIT)}),
        lambda: DesignDocument("x", {"y": EMIT}),
        lambda: DesignDocument("x", filters={"y": 1}),
        lambda: DesignDocument("x", validate=""),
        lambda: DesignDocument("x", options={"y": float("nan")}),
    ],
)
def test_malformed_designs(make: Any) -> None:
    """A malformed DesignDocument raises InvalidArgument when it is made."""
    with pytest.raises(InvalidArgument):
        make()


def test_no_database(couch: Couch, namespace: str) -> None:
    """Storing designs in a database that does not exist raises NotFound."""
    for wait_built in (False, True):
        with pytest.raises(NotFound):
            ensure_designs(couch.database(namespace), [design()], wait_built=wait_built)


def scripted(*replies: Any) -> tuple[Couch, list[str]]:
    """Return a server that gives these replies, one a request, and the list of its requests."""
    waiting, asked = list(replies), list[str]()

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(f"{request.method} {request.url.path}")
        reply = waiting.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return httpx2.Response(reply[0], json=reply[1])

    transport = httpx2.MockTransport(answer)
    return Couch(httpx2.Client(transport=transport, base_url="http://couch")), asked


ABSENT = (404, {"error": "not_found", "reason": "Database does not exist."})
MISSING = (404, {"error": "not_found", "reason": "missing"})
CONFLICT = (409, {"error": "conflict", "reason": "Document update conflict."})
CREATED = (201, {"ok": True, "rev": "1-x"})
INFO = (200, {"db_name": "db"})


def test_creators_of_an_old_server() -> None:
    """After the 500 that two creators at once get up to 3.0, the database is read again."""
    crossed = (500, {"error": "error", "reason": "conflict"})
    couch, asked = scripted(ABSENT, crossed, INFO)
    couch.ensure(["db"])
    assert asked == ["GET /db", "PUT /db", "GET /db"]
    couch, asked = scripted(ABSENT, crossed, ABSENT, CREATED)
    couch.ensure(["db"])
    assert asked[-1] == "PUT /db"
    couch, _ = scripted(ABSENT, (412, {"error": "file_exists"}))
    couch.ensure(["db"])


def test_lost_replies() -> None:
    """After a lost reply the document is read, and written again only if it is not stored."""
    lost = httpx2.ReadError("lost")
    stored = (200, {"_id": "_design/numbers", "_rev": "1-x", **design().stored()})
    couch, asked = scripted(ABSENT, lost, INFO, MISSING, lost, stored)
    couch.ensure(designs={"db": [design()]})
    assert [each.split()[0] for each in asked] == ["GET", "PUT", "GET", "GET", "PUT", "GET"]
    couch, _ = scripted(INFO, MISSING, lost, MISSING, CONFLICT, MISSING, CREATED)
    couch.ensure(designs={"db": [design()]})


def test_no_end_of_conflicts() -> None:
    """After a hundred conflicts ensure raises Conflict; an unreachable server is Unavailable."""
    couch, _ = scripted(INFO, *[MISSING, CONFLICT] * 100)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("datapatterns.couch.database._async.ensure._backoff", lambda attempt: 0.0)
        patch.setattr("datapatterns.couch.database._sync.ensure._backoff", lambda attempt: 0.0)
        with pytest.raises(Conflict) as caught:
            couch.ensure(designs={"db": [design()]})
    assert caught.value.reason == "contention"
    away = [httpx2.ConnectError("away")] * 3
    couch, _ = scripted(*away)
    with pytest.raises(Unavailable) as refused:
        couch.ensure(["db"])
    assert not isinstance(refused.value, OutcomeUnknown)
