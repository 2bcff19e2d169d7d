"""Pages and their cursors, for any store that keeps its entries in the order of their bytes.

A cursor is a boundary between two entries and not an offset. So insertions and removals elsewhere
do not shift a page, and a page costs the same at any depth. Entries with equal keys are told apart
by the id behind the key.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Generic, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from datapatterns.core.checks import check_count
from datapatterns.errors import InvalidArgument

T = TypeVar("T")
U = TypeVar("U")

MAX_LIMIT = 10_000
_DIGEST = 8


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items in order, and the opaque cursors of the next and the previous page."""

    items: list[T] = field(default_factory=list[T])
    next: str | None = None
    previous: str | None = None

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def map(self, change: Callable[[T], U]) -> Page[U]:
        """Return the page with each item changed by the function."""
        return Page([change(item) for item in self.items], self.next, self.previous)

    def links(self, url: str) -> str:
        """Return the RFC 8288 Link header: the URL with each cursor in the parameter `after`."""
        cursors = {"next": self.next, "prev": self.previous}
        return ", ".join(
            f'<{_with_cursor(url, cursor)}>; rel="{relation}"'
            for relation, cursor in cursors.items()
            if cursor is not None
        )


def _with_cursor(url: str, cursor: str) -> str:
    parts = urlsplit(url)
    query = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != "after"]
    return urlunsplit(parts._replace(query=urlencode([*query, ("after", cursor)])))


def check_limit(limit: object) -> int:
    """Return the limit unchanged; raise InvalidArgument unless it is from 1 to 10,000."""
    return check_count("limit", limit, most=MAX_LIMIT)


def make_cursor(query: str, boundary: bytes, *, back: bool) -> str:
    """Return a cursor for the boundary; only the same query accepts it."""
    body = (b"\x01" if back else b"\x00") + _digest(query.encode()) + boundary
    return _spelled(body + _digest(body))


def _spelled(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def read_cursor(query: str, cursor: object) -> tuple[bytes, bool]:
    """Return the cursor's boundary, and whether it reads back from there.

    Raise InvalidArgument for a damaged cursor, or one of another query.
    """
    if not isinstance(cursor, str):
        raise InvalidArgument("after must be a cursor of an earlier page")
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise InvalidArgument("after must be a cursor of an earlier page") from None
    body, checksum = raw[:-_DIGEST], raw[-_DIGEST:]
    if _spelled(raw) != cursor:  # some bytes have several forms in base64
        raise InvalidArgument("after must be a cursor of an earlier page")
    if len(body) < 1 + _DIGEST or body[0] > 1 or _digest(body) != checksum:
        raise InvalidArgument("the cursor is damaged")
    if body[1 : 1 + _DIGEST] != _digest(query.encode()):
        raise InvalidArgument("the cursor belongs to another query")
    return body[1 + _DIGEST :], body[0] == 1


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=_DIGEST, person=b"datapatterns").digest()


@dataclass(frozen=True, slots=True)
class Scan:
    """What to read for one page: at most `limit` entries, from `gte` on and before `lt`.

    The limit is one more than that of the page: an extra row means that there is a next page.
    """

    query: str
    gte: bytes
    lt: bytes
    reverse: bool
    limit: int
    descending: bool
    start: bytes | None = None
    back: bool = False

    def page(self, rows: Sequence[T], key: Callable[[T], bytes]) -> Page[T]:
        """Return the page of the rows read, with cursors for the boundaries before and after it."""
        items, more = list(rows[: self.limit - 1]), len(rows) == self.limit
        if self.back:
            items.reverse()
        if not items:
            return Page([], *self._cursors(self.start, self.start, behind=False, ahead=False))
        first, last = key(items[0]), key(items[-1])
        ahead, behind = (True, more) if self.back else (more, self.start is not None)
        if self.descending:
            return Page(items, *self._cursors(last, first + b"\x00", behind=behind, ahead=ahead))
        return Page(items, *self._cursors(last + b"\x00", first, behind=behind, ahead=ahead))

    def _cursors(
        self, after: bytes | None, before: bytes | None, *, behind: bool, ahead: bool
    ) -> tuple[str | None, str | None]:
        """Return the next and the previous cursor; an empty page has only the one leading back."""
        if after == before and after is not None:
            behind, ahead = not self.back, self.back
        forth = make_cursor(self.query, after, back=False) if ahead and after is not None else None
        back = make_cursor(self.query, before, back=True) if behind and before is not None else None
        return forth, back


def scan(
    query: str, gte: bytes, lt: bytes, *, limit: int, after: str | None, descending: bool
) -> Scan:
    """Return what to read for the page behind the cursor `after`, within `gte` and `lt`."""
    check_limit(limit)
    query = f"{query} {gte.hex()} {lt.hex()} {descending}"
    whole = Scan(query, gte, lt, descending, limit + 1, descending)
    if after is None:
        return whole
    boundary, back = read_cursor(query, after)
    upwards = descending == back
    gte, lt = (max(gte, boundary), lt) if upwards else (gte, min(lt, boundary))
    return replace(whole, gte=gte, lt=lt, reverse=not upwards, start=boundary, back=back)
