"""Pages of a view's rows, built without comparing keys: only the server knows their order.

A view's rows come in the order of (key, id), with keys in Unicode order. The rows that one document
emits under one key form a group. A boundary between two rows is written (key, id, n): behind the
first n rows of that group. Reading starts at `startkey` and `startkey_docid`, so a page costs the
same at any depth. The rows of the group that lie before the boundary are read once more and left
out; a count (`skip`) would go wrong if the document has changed since.

Backwards the same query runs with `descending` flipped and its ends swapped. The server keeps the
rows of a group in their order in both directions, so groups are reversed as a whole: a page may end
inside a group only after the whole group has been read.

A cursor holds a position in the order of keys, and nothing of the index. It stays valid when the
design document changes, as long as the view still emits keys with the same meaning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from datapatterns.core.codecs import dumps, loads
from datapatterns.core.pages import Page, check_limit, make_cursor, read_cursor
from datapatterns.couch.http.errors import unexpected_answer
from datapatterns.errors import DecodeFailed, InvalidArgument

Json = dict[str, Any]


class _Absent:
    """Stands for an open end, since None is the key null."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Any = _Absent()

# An object sorts behind all values of other types, and behind another object by the name of its
# first field. Names that begin with U+FFFF sort behind all other names.
_BEHIND: Json = {"\uffff": {}}


@dataclass(frozen=True, slots=True)
class Range:
    """The keys from `start` up to `end`, which is excluded by default, in the order of reading."""

    start: Any = ABSENT
    end: Any = ABSENT
    descending: bool = False
    inclusive_end: bool = False

    def ends(self) -> Json:
        """Return the members of a query that reads this range."""
        body: Json = {"descending": True} if self.descending else {}
        if self.start is not ABSENT:
            body["startkey"] = self.start
        if self.end is not ABSENT:
            body |= {"endkey": self.end, "inclusive_end": self.inclusive_end}
        return body

    def back(self) -> Json:
        """Return the members of a query that reads this range backwards from a point inside it."""
        body: Json = {} if self.descending else {"descending": True}
        return body if self.start is ABSENT else body | {"endkey": self.start}


def within(prefix: Sequence[Any] | None, start: Any, end: Any, *, descending: bool) -> Range:
    """Return the range of keys: all, or the arrays that begin with `prefix`, from `start` to `end`.

    None leaves an end open. With a prefix, `start` and `end` are values of the next element.
    """
    if prefix is None:
        first, last = (ABSENT if each is None else each for each in (start, end))
        return Range(first, last, descending)
    if not isinstance(prefix, (list, tuple)):
        raise InvalidArgument("a prefix must be a list of the first elements of the keys")
    low, high = list(prefix), [*prefix, _BEHIND]
    first, last = (high, low) if descending else (low, high)
    open_end = end is None
    return Range(
        first if start is None else [*prefix, start],
        last if open_end else [*prefix, end],
        descending,
        inclusive_end=open_end,  # descending, the last key is the prefix itself
    )


class Boundary(NamedTuple):
    """A boundary between rows: behind the first `rows` rows that `id` emits under `key`."""

    key: Any
    id: str
    rows: int


Placed = tuple[Boundary, Json]  # a row with the boundary before it


class PageReader:
    """Reads one page: `body` is the query to send, `take` reads its rows, until `done` is True.

        while not reader.done:
            reader.take(rows_of(await couch.read("POST", path, body=reader.body())))
        page = reader.page

    One request is enough, unless a document emits one key many times.
    """

    def __init__(self, query: str, bounds: Range, *, limit: int, after: str | None) -> None:
        self.done = False
        self.page: Page[Json] = Page()
        self._limit = check_limit(limit)
        self._bounds = bounds
        self._query = f"{query} {dumps(bounds.ends()).decode()}"
        self._start, self._back = None, False
        if after is not None:
            boundary, self._back = read_cursor(self._query, after)
            self._start = _boundary(boundary)
        # One row more shows that there is another page. The rows of the group before the boundary
        # are left out; so is, when reading backwards, the row behind it.
        seen = min(self._start.rows, limit + 1) if self._start else 0
        self._ask = limit + 1 + seen + self._back

    def body(self) -> Json:
        """Return the query to send."""
        body = self._bounds.back() if self._back else self._bounds.ends()
        if self._start is not None:  # also for a null key, which differs from an open end
            body |= {"startkey": self._start.key, "startkey_docid": self._start.id}
        return body | {"limit": self._ask}

    def take(self, rows: Sequence[Json]) -> None:
        """Read the server's rows; the page is done unless `limit` cut off rows that it needs."""
        complete = len(rows) < self._ask
        placed = _placed(rows)
        group = (0, 0, 0) if self._start is None else _group(placed, self._start, complete)
        if group is None:
            self._ask *= 2
            return
        begin, middle, end = group
        if self._back:
            found, further = _reversed(placed[end:], complete)
            found += placed[begin:middle]
        else:
            found, further = placed[middle:], False
        more = len(found) + further > self._limit
        self.done = complete or more
        if self.done and self._back:
            self._finish(found[-self._limit :], [], more)
        elif self.done:
            self._finish(found[: self._limit], found[self._limit :], more)
        else:
            self._ask *= 2

    def _finish(self, items: list[Placed], rest: list[Placed], more: bool) -> None:
        """Make the page; an empty page has only the cursor that leads back."""
        first = items[0][0] if items else self._start
        if self._back:
            after, before = self._start, first if more else None
        else:
            after, before = rest[0][0] if more else None, first if self._start else None
        self.page = Page(
            [row for _, row in items],
            None if after is None else make_cursor(self._query, dumps(after), back=False),
            None if before is None else make_cursor(self._query, dumps(before), back=True),
        )


def _boundary(written: bytes) -> Boundary:
    """Return the boundary in a cursor; raise InvalidArgument if it holds something else."""
    try:
        key, id, rows = cast("list[Any]", loads(written))
    except (DecodeFailed, TypeError, ValueError):
        raise InvalidArgument("this is not a cursor of this query") from None
    if not isinstance(id, str) or not isinstance(rows, int) or rows < 0:
        raise InvalidArgument("this is not a cursor of this query")
    return Boundary(key, id, rows)


def _placed(rows: Sequence[Json]) -> list[Placed]:
    """Return each row with the boundary before it, which counts the rows of its group so far."""
    placed: list[Placed] = []
    for row in rows:
        if not (row.keys() >= {"key", "id"}):
            raise unexpected_answer()
        last = placed[-1][0] if placed else None
        again = last is not None and last.id == row["id"] and _same(last.key, row["key"])
        count = last.rows + 1 if last is not None and again else 0
        placed.append((Boundary(row["key"], row["id"], count), row))
    return placed


def _same(one: Any, other: Any) -> bool:
    """Return whether two keys are the same JSON; in Python, True equals 1."""
    return one == other and dumps(one) == dumps(other)


def _group(placed: list[Placed], start: Boundary, complete: bool) -> tuple[int, int, int] | None:
    """Return where the boundary's group begins, where the boundary lies, and where the group ends.

    Return zeros if the group no longer exists, None if the limit cut off the rows that decide it.
    Rows before the group belong to other keys of the same document that are equal in Unicode order.
    """
    begin, end = None, len(placed)
    for at, (before, _) in enumerate(placed):
        if begin is not None and before.rows == 0:
            end, complete = at, True
            break
        if begin is None and before.id != start.id:
            return 0, 0, 0
        if begin is None and _same(before.key, start.key):
            begin = at
    if begin is None:
        return (0, 0, 0) if complete else None
    middle = begin + start.rows
    return (begin, min(middle, end), end) if complete or middle <= end else None


def _reversed(placed: list[Placed], complete: bool) -> tuple[list[Placed], bool]:
    """Return rows that were read backwards in the page's order, and whether more rows follow them.

    If the limit cut the rows off, the last group may be incomplete, and is left to another page.
    """
    groups: list[list[Placed]] = []
    for each in placed:
        if each[0].rows == 0:
            groups.append([])
        groups[-1].append(each)
    further = bool(groups) and not complete
    if further:
        groups.pop()
    return [each for group in reversed(groups) for each in group], further
