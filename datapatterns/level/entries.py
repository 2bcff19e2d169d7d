"""Ranges, iterators and snapshots.

The driver's iterators must not be used by two threads, nor outlive the database; and reading
downwards with a start drops the last row. So rows are fetched in chunks inside the gate, the lower
bound is watched here, and closing the handle ends what is open.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, cast

from datapatterns.errors import InvalidArgument, Unavailable
from datapatterns.level.driver import DriverError, Reader, Rows, reading_failed
from datapatterns.level.driver import Snapshot as DriverSnapshot
from datapatterns.level.engine import Gate
from datapatterns.level.keys import upper_bound
from datapatterns.level.space import Space

T = TypeVar("T")

_FIRST_CHUNK, _LARGEST_CHUNK = 16, 256  # rows fetched at once


@dataclass(frozen=True, slots=True)
class Range:
    """The keys from `gte` (included) to `lt` (excluded, None for no end), as they lie on disk."""

    gte: bytes
    lt: bytes | None
    reverse: bool = False
    limit: int | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing can be in it."""
        return self.limit == 0 or (self.lt is not None and self.gte >= self.lt)


def make_range(
    prefix: bytes,
    encode: Callable[[Any], bytes],
    *,
    gt: Any = None,
    gte: Any = None,
    lt: Any = None,
    lte: Any = None,
    reverse: bool = False,
    limit: int | None = None,
) -> Range:
    """The range of these options; InvalidArgument for two bounds on one side, or a bad limit."""
    if gt is not None and gte is not None:
        raise InvalidArgument("a range takes gt or gte, not both")
    if lt is not None and lte is not None:
        raise InvalidArgument("a range takes lt or lte, not both")
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 0):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        raise InvalidArgument("limit must be a whole number from 0 on, or None")
    lower, upper = prefix, upper_bound(prefix)
    if gt is not None or gte is not None:
        lower = encode(gte) if gt is None else encode(gt) + b"\x00"
    if lt is not None or lte is not None:
        upper = encode(lt) if lte is None else encode(lte) + b"\x00"
    return Range(lower, upper, reverse, limit)


class Snapshot:
    """A consistent view: what is written after it was made does not show. Close it after use."""

    def __init__(self, space: Space) -> None:
        self._gate = space.gate
        self.engine = space.engine
        self._snapshot: DriverSnapshot | None = None
        with self._gate:  # closing the handle must not miss it
            self._snapshot = space.read(lambda database: database.snapshot())
            self._gate.open.add(self)

    def reader(self, space: Space) -> Reader:
        """What to read from; InvalidArgument for another directory's, Unavailable when closed."""
        if space.engine is not self.engine:
            raise InvalidArgument("the snapshot is of another LevelDB")
        if self._snapshot is None:
            raise Unavailable("the snapshot is closed")
        return self._snapshot

    def close(self) -> None:
        """Release the view."""
        snapshot, self._snapshot = self._snapshot, None
        if snapshot is not None and self._gate.usable:
            snapshot.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Entries(Generic[T]):
    """An iterator over a range, as the store was when it was made. One consumer at a time.

    It can be moved with `seek`, and ended early with `close` or as a context manager.
    """

    def __init__(
        self,
        space: Space,
        reader: Reader,
        range: Range,
        decode: Callable[[Any], T] | None,
        encode: Callable[[Any], bytes],
        *,
        keys: bool = True,
        values: bool = True,
    ) -> None:
        self._gate = space.gate
        self._range = range
        self._decode = decode
        self._encode = encode
        self._with_keys, self._with_values = keys, values
        self._left = range.limit
        self._chunk = _FIRST_CHUNK
        self._one_consumer = threading.Lock()
        self._rows: Rows | None = None
        self._iterator: Iterator[T] | None = None
        with self._gate:  # closing the handle must not miss it
            if not range.empty:
                self._rows = self._open(reader)
            self._gate.open.add(self)

    def _open(self, reader: Reader) -> Rows:
        keys = self._with_keys or self._range.reverse  # the lower bound is watched by key
        return reader.iterator(
            reverse=self._range.reverse,
            start=None if self._range.reverse else self._range.gte,
            stop=self._range.lt,
            include_key=keys,
            include_value=self._with_values,
            verify_checksums=True,
        )

    def take(self, most: int) -> list[T]:
        """Up to that many further entries; fewer only at the end."""
        rows = self._fetch(most)
        decode = self._decode
        return cast("list[T]", rows) if decode is None else [decode(row) for row in rows]

    def _fetch(self, most: int) -> list[Any]:
        if not self._one_consumer.acquire(blocking=False):
            raise InvalidArgument("an iterator has one consumer; make one for each thread")
        try:
            with self._gate:
                if self._rows is None:
                    return []
                size = most if self._left is None else min(most, self._left)
                rows = list(islice(self._rows, size))
        except DriverError as error:
            raise reading_failed(error) from error
        finally:
            self._one_consumer.release()
        ended = len(rows) < size
        if self._range.reverse:
            rows, below = self._above_lower_bound(rows)
            ended = ended or below
        if self._left is not None:
            self._left -= len(rows)
        if ended or self._left == 0:
            self.close()
        return rows

    def _above_lower_bound(self, rows: list[Any]) -> tuple[list[Any], bool]:
        """The rows read downwards up to the lower bound, and whether that was met."""
        lower, both = self._range.gte, self._with_values
        below = bool(rows) and (rows[-1][0] if both else rows[-1]) < lower
        if below:
            rows = [row for row in rows if (row[0] if both else row) >= lower]
        if both and not self._with_keys:
            rows = [row[1] for row in rows]
        return rows, below

    def __iter__(self) -> Iterator[T]:
        while rows := self.take(self._chunk):
            self._chunk = min(_LARGEST_CHUNK, self._chunk * 4)
            yield from rows

    def __next__(self) -> T:
        if self._iterator is None:
            self._iterator = iter(self)
        return next(self._iterator)

    def seek(self, target: Any) -> None:
        """Go on at this key, or the next one in the direction of reading; past the end, end."""
        key = self._encode(target)
        if key < self._range.gte or (self._range.lt is not None and key >= self._range.lt):
            self.close()
        with self._one_consumer, self._gate:
            self._iterator = None
            if self._rows is not None:
                # Reading downwards, the driver goes on below the position it is sent to.
                self._rows.seek(key + b"\x00" if self._range.reverse else key)

    def close(self) -> None:
        """End the iteration."""
        with self._one_consumer:
            rows, self._rows = self._rows, None
            if rows is not None and self._gate.usable:
                rows.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
