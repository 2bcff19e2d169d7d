"""Pages of a view's rows, worked out from what the server sorted; nothing here compares keys.

A view's rows come in the order of (key, id), where keys are in Unicode order, which only the server
knows. A boundary between two rows is written (key, id, n): behind the first n rows of what that
document emitted under that key. Reading starts at `startkey` and `startkey_docid`, so a page costs
the same at any depth; the rows of the group before the boundary are read once more and left out,
never skipped by a count, since the document may have changed meanwhile.

Backwards the same query runs with `descending` flipped and its ends swapped. The server keeps the
rows of one (key, id) in their order in both directions, so groups are reversed as a whole: a page
may end inside a group only after all of the group was seen.

A cursor holds a place in the order of keys and nothing of the index. It stays good when the design
document changes, as far as its view still emits keys that mean the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from datapatterns.codecs import dumps, loads
from datapatterns.errors import BadGateway, DecodeFailed, InvalidArgument
from datapatterns.pages import Page, check_limit, make_cursor, read_cursor

Json = dict[str, Any]


class _Absent:
    """No bound: null is a key like others."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Any = _Absent()

# Strings that begin with U+FFFF sort behind all others, and objects behind everything else, by the
# name of their first field.
_BEHIND: Json = {"\uffff": {}}


@dataclass(frozen=True, slots=True)
class Range:
    """The keys from `start` on, up to but not `end`, in the direction of reading."""

    start: Any = ABSENT
    end: Any = ABSENT
    descending: bool = False
    inclusive_end: bool = False

    def ends(self) -> Json:
        """What says so in a query, read forwards."""
        body: Json = {"descending": True} if self.descending else {}
        if self.start is not ABSENT:
            body["startkey"] = self.start
        if self.end is not ABSENT:
            body |= {"endkey": self.end, "inclusive_end": self.inclusive_end}
        return body

    def back(self) -> Json:
        """The same read backwards from somewhere inside."""
        body: Json = {} if self.descending else {"descending": True}
        return body if self.start is ABSENT else body | {"endkey": self.start}


def within(prefix: Sequence[Any] | None, start: Any, end: Any, *, descending: bool) -> Range:
    """The range of keys: all, or the arrays that begin with `prefix`, from `start` to `end`.

    None is open. With a prefix, `start` and `end` are values of the element behind it.
    """
    if prefix is None:
        first, last = (ABSENT if each is None else each for each in (start, end))
        return Range(first, last, descending)
    if not isinstance(prefix, (list, tuple)):
        raise InvalidArgument("a prefix is a list of the first elements of the keys")
    low, high = list(prefix), [*prefix, _BEHIND]
    first, last = (high, low) if descending else (low, high)
    open_end = end is None
    return Range(
        first if start is None else [*prefix, start],
        last if open_end else [*prefix, end],
        descending,
        inclusive_end=open_end,  # downwards the prefix itself is the last key
    )


class Boundary(NamedTuple):
    """A place between rows: behind the first `rows` rows of `id` under `key`."""

    key: Any
    id: str
    rows: int


Placed = tuple[Boundary, Json]  # a row, and the boundary before it


class Reading:
    """One page being read: `body` tells what to ask, `take` takes the answer, until it is `done`.

        while not reading.done:
            reading.take(rows_of(await couch.read("POST", path, body=reading.body())))
        page = reading.page

    One request does, unless a document emits one key many times.
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
        # One row more tells that there is another page; those of the group before the boundary are
        # left out, and backwards so is the row behind it.
        seen = min(self._start.rows, limit + 1) if self._start else 0
        self._ask = limit + 1 + seen + self._back

    def body(self) -> Json:
        """The query to send."""
        body = self._bounds.back() if self._back else self._bounds.ends()
        if self._start is not None:  # sent for a null key too, which is no missing one
            body |= {"startkey": self._start.key, "startkey_docid": self._start.id}
        return body | {"limit": self._ask}

    def take(self, rows: Sequence[Json]) -> None:
        """Take the server's rows: the page is done unless `limit` cut off what it needs."""
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
        """Make the page; an empty one has only the way back that led to it."""
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
    try:
        key, id, rows = cast("list[Any]", loads(written))
    except (DecodeFailed, TypeError, ValueError):
        raise InvalidArgument("not a cursor") from None
    if not isinstance(id, str) or not isinstance(rows, int) or rows < 0:
        raise InvalidArgument("not a cursor")
    return Boundary(key, id, rows)


def _placed(rows: Sequence[Json]) -> list[Placed]:
    """Each row behind so many of its group: rows in a row of one id and one key."""
    placed: list[Placed] = []
    for row in rows:
        if not (row.keys() >= {"key", "id"}):
            raise BadGateway("the server answered something that CouchDB does not")
        last = placed[-1][0] if placed else None
        again = last is not None and last.id == row["id"] and _same(last.key, row["key"])
        count = last.rows + 1 if last is not None and again else 0
        placed.append((Boundary(row["key"], row["id"], count), row))
    return placed


def _same(one: Any, other: Any) -> bool:
    """Whether two keys are the same JSON; in Python True equals 1."""
    return one == other and dumps(one) == dumps(other)


def _group(placed: list[Placed], start: Boundary, complete: bool) -> tuple[int, int, int] | None:
    """Where the boundary's group begins, where the boundary lies in it, and where it ends.

    All 0 if the group is gone, None if the limit cut off what decides. What stands before the group
    are keys of the same document that are equal to it in Unicode order only.
    """
    begin, end = None, len(placed)
    for at, (place, _) in enumerate(placed):
        if begin is not None and place.rows == 0:
            end, complete = at, True
            break
        if begin is None and place.id != start.id:
            return 0, 0, 0
        if begin is None and _same(place.key, start.key):
            begin = at
    if begin is None:
        return (0, 0, 0) if complete else None
    middle = begin + start.rows
    return (begin, min(middle, end), end) if complete or middle <= end else None


def _reversed(placed: list[Placed], complete: bool) -> tuple[list[Placed], bool]:
    """Rows that were read backwards in the order of the page, and whether there are further ones.

    Where the limit cut them off the last group may have more rows than were read, and is left for
    another page.
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
