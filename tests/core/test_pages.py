"""Pages: every entry comes once and in order, forwards and back, at any page size."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from itertools import cycle
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from datapatterns.core.pages import Page, check_limit, make_cursor, read_cursor, scan
from datapatterns.errors import InvalidArgument

ENTRIES = st.sets(st.binary(min_size=1, max_size=2), max_size=25)
LIMITS = st.integers(1, 6)
LOW, HIGH = b"", b"\xff\xff\xff"


@dataclass
class Store:
    """Entries in the order of their bytes."""

    entries: set[bytes] = field(default_factory=set)
    reads: list[int] = field(default_factory=list)

    def page(
        self,
        limit: int,
        after: str | None = None,
        *,
        descending: bool = False,
        query: str = "q",
        gte: bytes = LOW,
        lt: bytes = HIGH,
    ) -> Page[bytes]:
        """Read a page as a backend does."""
        read = scan(query, gte, lt, limit=limit, after=after, descending=descending)
        rows = sorted((e for e in self.entries if read.gte <= e < read.lt), reverse=read.reverse)
        self.reads.append(len(rows[: read.limit]))
        return read.page(rows[: read.limit], lambda row: row)


@given(ENTRIES, LIMITS, st.booleans(), st.binary(max_size=1), st.binary(max_size=1))
def test_forwards_and_backwards(
    entries: set[bytes], limit: int, descending: bool, gte: bytes, end: bytes
) -> None:
    """All entries come in order, then the same pages in reverse; no page reads more."""
    lt = end or HIGH
    store = Store(entries)
    within = sorted((e for e in entries if gte <= e < lt), reverse=descending)
    pages = [store.page(limit, descending=descending, gte=gte, lt=lt)]
    while pages[-1].next:
        pages.append(store.page(limit, pages[-1].next, descending=descending, gte=gte, lt=lt))
    assert [item for page in pages for item in page] == within
    assert [len(page) for page in pages[:-1]] == [limit] * (len(pages) - 1)
    assert pages[0].previous is None
    back = [pages[-1]]
    while back[-1].previous:
        back.append(store.page(limit, back[-1].previous, descending=descending, gte=gte, lt=lt))
    assert [page.items for page in reversed(back)] == [page.items for page in pages]
    assert max(store.reads) <= limit + 1
    if len(pages) > 1:
        assert back[-1].next is not None
        forth = store.page(limit, back[-1].next, descending=descending, gte=gte, lt=lt)
        assert forth.items == pages[1].items


class Reader(RuleBasedStateMachine):
    """Follows cursors to and fro with changing limits, while entries come and go."""

    def __init__(self) -> None:
        super().__init__()
        self.store = Store()
        self.descending = False

    @initialize(entries=ENTRIES, descending=st.booleans())
    def fill(self, entries: set[bytes], descending: bool) -> None:
        """Begin with these entries."""
        self.store.entries = set(entries)
        self.descending = descending
        self.restart(3)

    def restart(self, limit: int) -> None:
        """Read the first page."""
        self.page = self.store.page(limit, descending=self.descending)

    @rule(entry=st.binary(min_size=1, max_size=2))
    def insert(self, entry: bytes) -> None:
        """Insert an entry anywhere."""
        self.store.entries.add(entry)

    @precondition(lambda self: self.store.entries)
    @rule(number=st.integers(0, 30))
    def remove(self, number: int) -> None:
        """Remove an entry, perhaps the one at a cursor."""
        entry = sorted(self.store.entries)[number % len(self.store.entries)]
        self.store.entries.discard(entry)

    @rule(limit=LIMITS)
    def begin_anew(self, limit: int) -> None:
        """Read the first page again."""
        self.restart(limit)

    @rule(limit=LIMITS)
    def go_on(self, limit: int) -> None:
        """The next page begins right behind this one."""
        if self.page.next is None:
            return
        before = list(self.page)
        self.page = self.store.page(limit, self.page.next, descending=self.descending)
        if before:
            assert all(self.sorts(before[-1], entry) for entry in self.page)
        self.check_contiguous(before, list(self.page), limit)

    @rule(limit=LIMITS)
    def go_back(self, limit: int) -> None:
        """The previous page ends right before this one."""
        if self.page.previous is None:
            return
        before = list(self.page)
        self.page = self.store.page(limit, self.page.previous, descending=self.descending)
        if before:
            assert all(self.sorts(entry, before[0]) for entry in self.page)
        self.check_contiguous(list(self.page), before, limit)

    @rule(limits=st.lists(LIMITS, min_size=1, max_size=5))
    def finish(self, limits: list[int]) -> None:
        """Following `next` from the first page gives every entry once, in order."""
        page = self.page = self.store.page(limits[0], descending=self.descending)
        seen = list(page)
        for limit in cycle(limits):
            if page.next is None:
                break
            page = self.store.page(limit, page.next, descending=self.descending)
            seen += page.items
        assert seen == sorted(self.store.entries, reverse=self.descending)

    def sorts(self, one: bytes, other: bytes) -> bool:
        """Return whether one entry is read before the other."""
        return one > other if self.descending else one < other

    def check_contiguous(self, one: list[bytes], other: list[bytes], limit: int) -> None:
        """Assert that no entry lies between two pages."""
        if one and other:
            low, high = sorted((one[-1], other[0]))
            assert not [entry for entry in self.store.entries if low < entry < high]
        assert one == sorted(one, reverse=self.descending)
        assert len(self.page) <= limit


Reader.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestReader = Reader.TestCase


@given(ENTRIES.filter(lambda e: len(e) > 3), st.booleans(), st.data())
def test_what_lasts_is_seen_exactly_once(
    entries: set[bytes], descending: bool, data: st.DataObject
) -> None:
    """Entries that stay come once, while others come and go between the pages."""
    store, seen = Store(set(entries)), []
    page = store.page(data.draw(LIMITS), descending=descending)
    lasting = set(entries)
    while True:
        seen += page.items
        if page.next is None:
            break
        store.entries |= data.draw(ENTRIES)
        gone = data.draw(st.sets(st.sampled_from(sorted(entries)), max_size=3))
        store.entries -= gone
        lasting -= gone
        page = store.page(data.draw(LIMITS), page.next, descending=descending)
    assert seen == sorted(set(seen), reverse=descending)
    assert [e for e in seen if e in lasting] == sorted(lasting, reverse=descending)


def test_an_emptied_page_leads_back() -> None:
    """A page that has become empty has only the cursor that leads back."""
    store = Store({b"a", b"b", b"c"})
    page = store.page(2)
    store.entries = {b"a"}
    empty = store.page(2, page.next)
    assert (empty.items, empty.next) == ([], None)
    assert empty.previous is not None
    assert store.page(2, empty.previous).items == [b"a"]
    store.entries = {b"x", b"y", b"z"}
    last = store.page(1, store.page(2).next)
    store.entries = {b"z"}
    empty = store.page(2, last.previous)
    assert (empty.items, empty.previous) == ([], None)
    assert empty.next is not None
    assert store.page(2, empty.next).items == [b"z"]
    assert store.page(5, descending=True).next is None
    assert Store().page(3) == Page([])


@pytest.mark.parametrize("limit", [0, -1, 10_001, 1.0, "5", None, True, 2**70])
def test_bad_limits(limit: object) -> None:
    """A limit must be a whole number from 1 to 10,000."""
    with pytest.raises(InvalidArgument):
        check_limit(limit)
    assert (check_limit(1), check_limit(10_000)) == (1, 10_000)


@given(st.text(max_size=5), st.binary(max_size=20), st.booleans())
def test_cursors_come_back(query: str, boundary: bytes, back: bool) -> None:
    """A cursor is read back, and is text that needs no escaping in a URL."""
    cursor = make_cursor(query, boundary, back=back)
    assert read_cursor(query, cursor) == (boundary, back)
    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    with pytest.raises(InvalidArgument):
        read_cursor(query + "x", cursor)


@given(st.data())
def test_tampered_cursors(data: st.DataObject) -> None:
    """A cursor with a changed, missing or added bit is InvalidArgument."""
    cursor = make_cursor("q", data.draw(st.binary(max_size=6)), back=data.draw(st.booleans()))
    raw = bytearray(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[bit // 8] ^= 1 << bit % 8
    changed = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    place = data.draw(st.integers(0, len(cursor) - 1))
    head, tail = cursor[:place], cursor[place + 1 :]
    other = data.draw(st.characters(codec="ascii").filter(lambda char: char != cursor[place]))
    spellings = (cursor + "=", cursor + "A", "A" + cursor, head, head + other + tail)
    for wrong in (changed, *spellings, head + "*" + cursor[place:]):
        with pytest.raises(InvalidArgument):
            read_cursor("q", wrong)


@given(st.text() | st.none() | st.integers() | st.binary() | st.just(["a"]))
def test_what_is_no_cursor(cursor: object) -> None:
    """A value that is not a cursor is InvalidArgument."""
    with pytest.raises(InvalidArgument):
        read_cursor("q", cursor)


def test_cursors_of_other_queries() -> None:
    """A cursor of another query, range or direction is refused; another limit is allowed."""
    store = Store({bytes([n]) for n in range(1, 100)})
    page = store.page(10)
    assert len(store.page(20, page.next)) == 20
    others: list[dict[str, object]] = [
        {"query": "other"},
        {"descending": True},
        {"gte": b"\x01"},
        {"lt": b"\xfe"},
    ]
    for other in others:
        with pytest.raises(InvalidArgument):
            store.page(10, page.next, **other)  # type: ignore[arg-type] - mixed on purpose


def test_a_page_is_a_list_of_its_items() -> None:
    """A page supports iteration, `len` and `map`."""
    page = Page([1, 2], "next", "previous")
    assert (list(page), len(page)) == ([1, 2], 2)
    assert page.map(str) == Page(["1", "2"], "next", "previous")


@pytest.mark.parametrize(
    "url",
    ["/u", "/u?limit=5", "https://a.example/u?q=a%20b&after=OLD&x=&after=OLDER#part", "?after=1"],
)
def test_links(url: str) -> None:
    """The Link header has the page's URL, with the cursor in place of an older one."""
    header = Page([], "n-_1", "p 2&").links(url)
    forth, back = header.split(", ")
    assert forth.endswith('>; rel="next"')
    assert back.endswith('>; rel="prev"')
    for link, cursor in ((forth, "n-_1"), (back, "p 2&")):
        parts, given_ = urlsplit(link[1 : link.index(">")]), urlsplit(url)
        assert (parts.netloc, parts.path, parts.fragment) == (
            given_.netloc,
            given_.path,
            given_.fragment,
        )
        query = parse_qsl(parts.query, keep_blank_values=True)
        kept = [p for p in parse_qsl(given_.query, keep_blank_values=True) if p[0] != "after"]
        assert query == [*kept, ("after", cursor)]
    assert Page([], "n", None).links("/u") == '</u?after=n>; rel="next"'
    assert Page([]).links("/u") == ""
