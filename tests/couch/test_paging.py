"""Pages over a server in Python that orders rows as CouchDB does."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapatterns.core.codecs import dumps
from datapatterns.core.pages import Page, make_cursor
from datapatterns.couch.database.paging import ABSENT, PageReader, Range
from datapatterns.errors import InvalidArgument

Row = dict[str, Any]
ENDLESS = 500  # pages


class Server:
    """A view in the order of (key, id); `~` in a key is ignored, as U+200B is in Unicode order."""

    def __init__(self, emitted: list[tuple[str, str]]) -> None:
        self.rows: list[Row] = []
        self.emitted = 0
        self.asked: list[Row] = []
        for key, id in emitted:
            self.emit(key, id)

    def emit(self, key: str, id: str) -> None:
        """Add a row; the rows of one document and key stay together, in their order."""
        self.rows.append({"key": key, "id": id, "value": self.emitted})
        self.emitted += 1
        self.rows.sort(key=lambda row: (*position(row), row["key"]))

    def remove(self, id: str) -> None:
        """Remove the document's rows."""
        self.rows = [row for row in self.rows if row["id"] != id]

    def ask(self, body: Row) -> list[Row]:
        """Return the rows; descending reverses the groups, and keeps the order in each group."""
        self.asked.append(body)
        rows = self.rows
        if body.get("descending"):
            groups: dict[tuple[str, str], list[Row]] = {}
            for row in rows:
                groups.setdefault((row["key"], row["id"]), []).append(row)
            rows = [row for group in reversed(groups.values()) for row in group]
        return [row for row in rows if self.within(row, body)][: body["limit"]]

    @staticmethod
    def within(row: Row, body: Row) -> bool:
        """Return whether the row lies between the ends."""
        down = bool(body.get("descending"))
        key, id = position(row)
        if "startkey" in body:
            start = weighed(body["startkey"])
            if key != start and (key < start) != down:
                return False
            docid = body.get("startkey_docid")
            if key == start and docid is not None and id != docid and (id < docid) != down:
                return False
        if "endkey" in body:
            end = weighed(body["endkey"])
            if key == end:
                return bool(body.get("inclusive_end", True))
            return (key < end) != down
        return True


def weighed(key: str) -> str:
    """Return the key as it is compared."""
    return key.replace("~", "")


def position(row: Row) -> tuple[str, str]:
    """Return what the row is sorted by."""
    return weighed(row["key"]), row["id"]


def read(server: Server, bounds: Range, limit: int, after: str | None) -> Page[Row]:
    """Return one page."""
    reader = PageReader("view", bounds, limit=limit, after=after)
    while not reader.done:
        reader.take(server.ask(reader.body()))
    return reader.page


def forth(server: Server, bounds: Range, limit: int) -> list[Page[Row]]:
    """Return all pages in order."""
    return forth_from(server, bounds, limit, read(server, bounds, limit, None))


def back(server: Server, bounds: Range, limit: int, last: Page[Row]) -> list[Page[Row]]:
    """Return that page and all before it, in order."""
    pages = [last]
    while pages[0].previous is not None:
        assert len(pages) < ENDLESS
        pages.insert(0, read(server, bounds, limit, pages[0].previous))
    return pages


def flat(pages: list[Page[Row]]) -> list[Row]:
    """Return the rows of the pages."""
    return [row for page in pages for row in page]


emitted = st.lists(st.tuples(st.sampled_from(["", "a", "a~", "~a", "b"]), st.sampled_from("xyz")))
ends = st.sampled_from([ABSENT, "", "a", "b"])


@given(emitted, ends, ends, st.booleans(), st.booleans(), st.integers(1, 5), st.integers(1, 5))
def test_pages_forth_and_back(
    emitted: list[tuple[str, str]],
    start: Any,
    end: Any,
    descending: bool,
    inclusive: bool,
    limit: int,
    other: int,
) -> None:
    """Pages of any size give every row once, in order, and the same rows on the way back."""
    server = Server(emitted)
    bounds = Range(start, end, descending, inclusive)
    all_rows = server.ask(bounds.ends() | {"limit": 10_000})
    pages = forth(server, bounds, limit)
    assert flat(pages) == all_rows
    assert all(len(page) == limit for page in pages[:-1])
    assert pages[0].previous is None
    assert flat(back(server, bounds, other, pages[-1])) == all_rows
    # Also from where the last page would begin.
    again = back(server, bounds, limit, pages[-1])
    assert flat(forth_from(server, bounds, limit, again[0])) == all_rows


def forth_from(server: Server, bounds: Range, limit: int, page: Page[Row]) -> list[Page[Row]]:
    """Return that page and all after it."""
    pages = [page]
    while pages[-1].next is not None:
        assert len(pages) < ENDLESS
        pages.append(read(server, bounds, limit, pages[-1].next))
    return pages


changes = st.lists(
    st.tuples(st.sampled_from(["", "a", "~a", "b"]), st.sampled_from(["", "x", "y", "z"])),
    max_size=6,
)


@given(emitted, st.integers(1, 3), st.booleans(), changes)
def test_changes_elsewhere(
    emitted: list[tuple[str, str]], limit: int, descending: bool, changes: list[tuple[str, str]]
) -> None:
    """Documents that come and go between pages hide or repeat no other row."""
    server, bounds = Server(emitted), Range(descending=descending)
    steady = {row["id"] for row in server.rows}
    page = read(server, bounds, limit, None)
    seen = list(page)
    while page.next is not None:
        if changes:
            key, gone = changes.pop()
            server.emit(key, f"new{len(seen)}")
            server.remove(gone)
            steady.discard(gone)
        page = read(server, bounds, limit, page.next)
        seen += page
    values = [row["value"] for row in seen if row["id"] in steady]
    ordered = server.ask({"descending": descending, "limit": 10_000})
    assert values == [row["value"] for row in ordered if row["id"] in steady]


def test_one_request_a_page() -> None:
    """A page is one request without `skip`, for at most two rows more."""
    server = Server([(key, id) for key in "abcdefgh" for id in "xyz"])
    pages = forth(server, Range(), 4)
    back(server, Range(), 4, pages[-1])
    assert len(server.asked) == 2 * len(pages) - 1
    assert all("skip" not in body and body["limit"] <= 6 for body in server.asked)


def test_one_document_with_many_rows_of_one_key() -> None:
    """A group larger than a page is read in a few requests, at any position in the group."""
    server = Server([("a", "w"), *[("a", "x")] * 200, ("b", "y")])
    pages = forth(server, Range(), 7)
    assert flat(pages) == server.ask({"limit": 1_000})
    assert flat(back(server, Range(), 7, pages[-1])) == flat(pages)
    assert len(server.asked) < 7 * 2 * len(pages)


def test_group_that_lost_rows() -> None:
    """A document that emits fewer rows than before hides no other row."""
    server = Server([*[("a", "x")] * 3, ("a", "y"), ("b", "z")])
    page = read(server, Range(), 2, None)
    server.remove("x")
    server.emit("a", "x")
    assert [row["id"] for row in read(server, Range(), 5, page.next)] == ["y", "z"]


@pytest.mark.parametrize(
    "boundary", [b"", b"1", b"[]", b'["a","x"]', b'["a",1,0]', b'["a","x",-1]', b'["a","x","0"]']
)
def test_cursor_with_a_strange_boundary(boundary: bytes) -> None:
    """A cursor that holds no boundary is InvalidArgument."""
    cursor = make_cursor(f"view {dumps(Range().ends()).decode()}", boundary, back=False)
    with pytest.raises(InvalidArgument):
        PageReader("view", Range(), limit=1, after=cursor)


@pytest.mark.parametrize("other", [Range("a"), Range(descending=True), Range(None), Range(end="z")])
def test_cursor_of_another_range(other: Range) -> None:
    """A cursor is valid for its own range only."""
    cursor = read(Server([("a", "x")] * 3), Range(), 1, None).next
    with pytest.raises(InvalidArgument):
        PageReader("view", other, limit=1, after=cursor)
