# Generated from tests/couch/_async/test_views.py by scripts/unasync.py; do not edit.
"""Views and their pages on the real server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import httpx2
import pytest

from datapatterns.core.pages import Page
from datapatterns.couch import (
    Couch,
    Database,
    DesignDocument,
    Query,
    Row,
    View,
)
from datapatterns.errors import BadGateway, InvalidArgument, NotFound

pytestmark = pytest.mark.couchdb3  # the stand-in knows neither startkey_docid nor Unicode order

ENDLESS = 200  # pages
BY_KEY = "function (doc) { if ('key' in doc) { emit(doc.key, doc.n); } }"
EVERY = "function (doc) { (doc.keys || []).forEach(function (key, at) { emit(key, at); }); }"
DESIGN = DesignDocument(
    "keys",
    {
        "by_key": View(BY_KEY, "_count"),
        "every": View(EVERY, "_count"),
        "null": View("function (doc) { emit(null, null); }"),
        "name'\"%/ \u2028\U0001f600": View(BY_KEY),
    },
)
HOSTILE: list[Any] = [
    None, False, True, 0, -1, 1.5, 1e300, 2**53, "", "a", "A", "aa", "a\u200b", "\u00e9",
    "e\u0301", "\u2028", "\U0001f600", "\uffff", "+&?#%", '"\\', [], [None], [[]], [{}], ["a"],
    ["a", "b"], ["a", {}], ["a", {"b": 1}], {}, {"a": 1}, {"b": 1, "a": 2}, {"a": 2, "b": 1},
]  # fmt: skip


@pytest.fixture
def keyed(couch: Couch, database: Database) -> Database:
    """A database with the views."""
    couch.ensure(designs={database.name: [DESIGN]})
    return database


def fill(database: Database, *documents: dict[str, Any]) -> None:
    """Store documents under ids in their order."""
    named = [{"_id": f"doc {at:03}", **document} for at, document in enumerate(documents)]
    assert all(isinstance(rev, str) for rev in database.bulk(named))


def pages(database: Database, view: str, *, back: bool = False, **options: Any) -> list[Page[Row]]:
    """Return all pages in order, read forwards, or with `back` from the last one backwards."""
    found = [database.view("keys", view, **options)]
    while found[-1].next is not None:
        assert len(found) < ENDLESS
        found.append(database.view("keys", view, after=found[-1].next, **options))
    if back:
        found = found[-1:]
        while found[0].previous is not None:
            assert len(found) < ENDLESS
            before = found[0].previous
            found.insert(0, database.view("keys", view, after=before, **options))
    return found


def flat(pages: list[Page[Row]]) -> list[Row]:
    """Return the rows of the pages."""
    return [row for page in pages for row in page]


def check_pages(database: Database, view: str, limits: list[int]) -> None:
    """Check that pages of these sizes give the rows of one query, in every direction."""
    for descending in (False, True):
        every = database.rows("keys", view, Query(descending=descending))
        assert every
        for limit in limits:
            options: dict[str, Any] = {"limit": limit, "descending": descending}
            forth = pages(database, view, **options)
            assert flat(forth) == every
            assert all(len(page) == limit for page in forth[:-1])
            assert flat(pages(database, view, back=True, **options)) == every


def test_hostile_keys(keyed: Database) -> None:
    """Rows of every kind of key, two each, come once and in order, in pages of any size."""
    fill(keyed, *[{"key": key, "n": n} for n in range(2) for key in HOSTILE])
    check_pages(keyed, "by_key", [5, 63, 64, 65])


def test_one_document_with_all_keys(keyed: Database) -> None:
    """All rows of one document come once, also with keys that are equal in Unicode order."""
    fill(keyed, {"keys": HOSTILE}, {"keys": HOSTILE[8:16] * 2}, {"keys": ["a"] * 5})
    check_pages(keyed, "every", [2, 5])


def test_equal_keys(keyed: Database) -> None:
    """Equal keys, null too, come once for each document."""
    fill(keyed, *[{"key": "same", "n": n} for n in range(9)])
    check_pages(keyed, "by_key", [2, 9])
    check_pages(keyed, "null", [4, 10])


def test_one_document_with_one_key(keyed: Database) -> None:
    """No row is lost of a document that emits one key more often than a page is long."""
    fill(keyed, {"keys": [1]}, {"keys": [1] * 25 + [2] * 3}, {"keys": [1, 2] * 3})
    check_pages(keyed, "every", [3, 10, 100])


def test_changes_between_pages(keyed: Database) -> None:
    """Inserted and removed rows do not move the others, not even next to the cursor."""
    fill(keyed, *[{"key": key, "n": 0} for key in range(10)])
    first = keyed.view("keys", "by_key", limit=3)
    for id in ("doc 001", "doc 003"):  # a row that was read, and the one that the cursor is at
        keyed.delete(id, str((keyed.get(id))["_rev"]))
    keyed.put("early", {"key": 0.5, "n": 0})
    keyed.put("late", {"key": 99, "n": 0})
    second = keyed.view("keys", "by_key", limit=3, after=first.next)
    assert [row.key for row in second] == [4, 5, 6]
    back = keyed.view("keys", "by_key", limit=9, after=second.previous)
    assert [row.key for row in back] == [0, 0.5, 2]
    last = keyed.view("keys", "by_key", limit=9, after=second.next)
    assert [row.key for row in last] == [7, 8, 9, 99]


def test_emptied_page(keyed: Database) -> None:
    """A page whose rows were removed has the cursor that leads back."""
    fill(keyed, *[{"key": key, "n": 0} for key in range(3)])
    first = keyed.view("keys", "by_key", limit=2)
    keyed.delete("doc 002", str((keyed.get("doc 002"))["_rev"]))
    empty = keyed.view("keys", "by_key", limit=2, after=first.next)
    assert not empty.items
    assert empty.next is None
    back = keyed.view("keys", "by_key", limit=2, after=empty.previous)
    assert [row.key for row in back] == [0, 1]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"start": 2}, [2, 3, 4]),
        ({"end": 2}, [0, 1]),
        ({"start": 1, "end": 3}, [1, 2]),
        ({"start": 2, "end": 2}, []),
        ({"start": 3, "end": 1}, []),
        ({"start": 2, "descending": True}, [2, 1, 0]),
        ({"end": 2, "descending": True}, [4, 3]),
        ({"start": 3, "end": 1, "descending": True}, [3, 2]),
        ({"start": 1, "end": 3, "descending": True}, []),
    ],
)
def test_ranges(keyed: Database, options: dict[str, Any], found: list[int]) -> None:
    """The start is included and the end excluded, in the direction of reading, on every page."""
    fill(keyed, *[{"key": key, "n": 0} for key in range(5)])
    for limit in (1, 2, 9):
        for back in (False, True):
            got = pages(keyed, "by_key", back=back, limit=limit, **options)
            assert [row.key for row in flat(got)] == found


def test_prefixes(keyed: Database) -> None:
    """A prefix takes the arrays that begin so, objects behind it too, and nothing else."""
    inside: list[Any] = [["a"], ["a", None], ["a", 1], ["a", "z"], ["a", []], ["a", {}],
                         ["a", {"z": 1}], ["a", {"\U0010fffd": 1}]]  # fmt: skip
    outside: list[Any] = [None, "a", [], ["A"], ["a\u0301"], ["b"], [["a"]], {}]
    fill(keyed, *[{"key": key, "n": 0} for key in [*outside, *inside]])
    up = flat(pages(keyed, "by_key", prefix=["a"], limit=3))
    assert [row.key for row in up] == inside
    down = flat(pages(keyed, "by_key", prefix=["a"], limit=3, descending=True))
    assert [row.key for row in down] == inside[::-1]
    part = keyed.view("keys", "by_key", prefix=["a"], start=1, end=[])
    assert [row.key for row in part] == [["a", 1], ["a", "z"]]
    assert len(keyed.rows("keys", "by_key", Query(prefix=[]))) == 13


def test_cost_of_a_page(
    keyed: Database, lend: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page at any depth is one request without `skip`, for at most two rows more."""
    fill(keyed, *[{"key": n % 3, "n": n} for n in range(60)])
    bodies: list[dict[str, Any]] = []
    read = Couch.read

    def spied(self: Couch, method: str, path: str, **options: Any) -> Any:
        bodies.append(options["body"])
        return read(self, method, path, **options)

    monkeypatch.setattr(Couch, "read", spied)
    database = Couch(lend(httpx)).database(keyed.name)
    there = pages(database, "by_key", limit=7)
    requests = len(bodies)
    assert requests == len(there) == 9
    pages(database, "by_key", limit=7, back=True)
    assert len(bodies) == requests + 9 + 8
    assert all("skip" not in body and body["limit"] <= 9 for body in bodies)


def test_rows_of_many_kinds(keyed: Database) -> None:
    """Keys, several queries at once, documents, reduced rows and groups are as asked for."""
    fill(keyed, *[{"key": [n % 2, n], "n": n} for n in range(4)], {"key": None, "n": 9})
    null = [Row(None, "doc 004", 9)]
    assert keyed.rows("keys", "by_key", Query(keys=[None])) == null
    assert keyed.rows("keys", "by_key", Query(keys=[])) == []
    two, none, limited = keyed.queries(
        "keys", "by_key", [Query(keys=[[1, 1], None]), Query(start=5, end=3), Query(limit=2)]
    )
    assert [row.value for row in two] == [1, 9]
    assert none == []
    assert len(limited) == 2
    assert len(keyed.queries("keys", "by_key", [Query(), Query(limit=1)])) == 2
    assert keyed.queries("keys", "by_key", []) == []
    assert keyed.reduce("keys", "by_key") == 5
    assert keyed.reduce("keys", "by_key", Query(start="z", end="zz")) is None
    assert keyed.reduce("keys", "by_key", Query(prefix=[1])) == 2
    groups = keyed.groups("keys", "by_key", Query(prefix=[]), level=1)
    assert [(row.key, row.value) for row in groups] == [([0], 2), ([1], 2)]
    assert len(keyed.groups("keys", "by_key")) == 5
    page = keyed.view("keys", "by_key", include_docs=True, limit=1)
    assert page.items[0].document == keyed.get("doc 004")
    loose = keyed.rows("keys", "by_key", Query(sorted=False, stable=True, update="lazy"))
    assert len(loose) == 5
    keyed.put("new", {"key": 1, "n": 1})
    assert len(keyed.rows("keys", "by_key", Query(update=False))) == 5
    every = [row.id for row in keyed.each_row("keys", "by_key", limit=2, descending=True)]
    assert len(every) == 6


def test_strange_names(couch: Couch, keyed: Database) -> None:
    """Names of designs and views may have any characters, and lead nowhere else."""
    fill(keyed, {"key": 1, "n": 2})
    name = next(name for name in DESIGN.views if name.startswith("name"))
    assert (keyed.view("keys", name)).items == [Row(1, "doc 000", 2)]
    strange = DesignDocument("a/b ?#'\"\u2028", {".": View(BY_KEY), "..": View(BY_KEY)})
    couch.ensure(designs={keyed.name: [strange]})
    for view in strange.views:
        assert len(keyed.view(strange.name, view)) == 1
    for design, view in (("keys/_view/by_key", "by_key"), ("keys", "by_key?limit=1"), ("..", "x")):
        with pytest.raises(NotFound):
            keyed.view(design, view)


def test_nothing_there(couch: Couch, keyed: Database) -> None:
    """An unknown view, design document or database is NotFound."""
    for database, design, view in (
        (keyed, "keys", "none"),
        (keyed, "none", "by_key"),
        (couch.database(f"{keyed.name}-none"), "keys", "by_key"),
    ):
        with pytest.raises(NotFound):
            database.view(design, view)
        with pytest.raises(NotFound):
            database.queries(design, view, [Query()])


@pytest.mark.parametrize(
    "options",
    [
        {"limit": 0}, {"limit": -1}, {"limit": 1.5}, {"limit": True}, {"limit": 10_001},
        {"after": ""}, {"after": "x"}, {"after": 1}, {"after": "é"}, {"prefix": "a"},
        {"prefix": 1}, {"start": float("nan")}, {"start": {1}}, {"end": b"x"},
        {"update": "maybe"}, {"prefix": [{1}]},
    ],
)  # fmt: skip
def test_malformed_arguments(keyed: Database, options: dict[str, Any]) -> None:
    """Malformed arguments of a view are InvalidArgument."""
    with pytest.raises(InvalidArgument):
        keyed.view("keys", "by_key", **options)


@pytest.mark.parametrize("query", [
    {"keys": [1], "start": 1}, {"keys": "ab"}, {"limit": -1}, {"limit": True}, {"keys": [{1}]},
])  # fmt: skip
def test_malformed_queries(keyed: Database, query: dict[str, Any]) -> None:
    """A malformed Query is InvalidArgument."""
    with pytest.raises(InvalidArgument):
        keyed.rows("keys", "by_key", Query(**query))


def test_malformed_reductions(keyed: Database) -> None:
    """Reducing a view that has no reduce function, or by no level, is InvalidArgument."""
    with pytest.raises(InvalidArgument):
        keyed.reduce("keys", "null")
    with pytest.raises(InvalidArgument):
        keyed.reduce("keys", "by_key", Query(keys=[1]))
    with pytest.raises(InvalidArgument):
        keyed.groups("keys", "by_key", level=0)
    for name in ("", 1, None):
        with pytest.raises(InvalidArgument):
            keyed.view(name, "by_key")  # type: ignore[arg-type]  # that is the test
        with pytest.raises(InvalidArgument):
            keyed.view("keys", name)  # type: ignore[arg-type]  # that is the test


def test_cursors_of_others(couch: Couch, keyed: Database) -> None:
    """A cursor of another view, range, direction or database, or a damaged one, is refused."""
    fill(keyed, *[{"key": n, "n": n} for n in range(3)])
    cursor = (keyed.view("keys", "by_key", limit=1)).next
    assert cursor is not None
    damaged = cursor[:-6] + ("A" if cursor[-6] != "A" else "B") + cursor[-5:]
    other = couch.database(f"{keyed.name}-other")
    for database, view, options in (
        (keyed, "null", {"after": cursor}),
        (keyed, "by_key", {"after": cursor, "start": 0}),
        (keyed, "by_key", {"after": cursor, "descending": True}),
        (keyed, "by_key", {"after": damaged}),
        (other, "by_key", {"after": cursor}),
    ):
        with pytest.raises(InvalidArgument):
            database.view("keys", view, **options)


def test_cursor_outlives_a_change_of_the_design(couch: Couch, keyed: Database) -> None:
    """A cursor is a position in the order of keys, so it is valid in another index of these."""
    fill(keyed, *[{"key": n, "n": n} for n in range(4)])
    page = keyed.view("keys", "by_key", limit=2)
    changed = DesignDocument("keys", {"by_key": View(BY_KEY + " // changed")})
    couch.ensure(designs={keyed.name: [changed]})
    rest = keyed.view("keys", "by_key", limit=2, after=page.next)
    assert [row.key for row in rest] == [2, 3]


def scripted(*replies: tuple[int, Any]) -> Database:
    """Return a database on a server that gives these replies, one a request."""
    waiting = list(replies)

    def answer(request: httpx2.Request) -> httpx2.Response:
        status, body = waiting.pop(0)
        return httpx2.Response(status, json=body)

    transport = httpx2.MockTransport(answer)
    client = httpx2.Client(transport=transport, base_url="http://couch")
    return Couch(client).database("db")


def test_design_replaced_while_waiting() -> None:
    """A query is sent again after the server gave it up because the design changed."""
    gone = {"error": "not_found", "reason": "Design document was updated or deleted"}
    row = {"key": 1, "id": "x", "value": 2}
    database = scripted((404, gone), (404, gone), (200, {"rows": [row]}))
    assert (database.view("d", "v")).items == [Row(1, "x", 2)]
    with pytest.raises(NotFound):
        scripted(*[(404, gone)] * 10).view("d", "v")


@pytest.mark.parametrize(
    "reply", [{}, [], 1, {"rows": {}}, {"rows": [1]}, {"rows": [{"key": 1, "id": "x"}]},
              {"rows": [{"id": "x", "value": 1}]}, {"rows": [{"key": 1, "value": 1}]}]
)  # fmt: skip
def test_strange_answers(reply: Any) -> None:
    """An answer that no view gives is BadGateway."""
    with pytest.raises(BadGateway):
        scripted((200, reply)).view("d", "v")
