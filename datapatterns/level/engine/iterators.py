"""Ranges, iterators and snapshots.

The driver's iterators must not be used by two threads, nor outlive the database, and they drop the
last row when they read downwards with a start. So rows are fetched in chunks inside the gate, the
lower bound is compared here, and closing the handle ends whatever is open.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from operator import length_hint
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from datapatterns.errors import Closed, InvalidArgument
from datapatterns.level.engine.driver import (
    DriverError,
    DriverReader,
    DriverSnapshot,
    Rows,
    confirm_end,
    reading_failed,
)
from datapatterns.level.engine.keys import upper_bound
from datapatterns.level.engine.space import BaseSpace

T = TypeVar("T")

_FIRST_CHUNK, _LARGEST_CHUNK = 16, 1_024  # rows fetched at once


@dataclass(frozen=True, slots=True)
class Range:
    """The keys on disk from `gte` (included) to `lt` (excluded; None: to the end)."""

    gte: bytes
    lt: bytes | None
    reverse: bool = False
    limit: int | None = None

    @property
    def empty(self) -> bool:
        """Whether no key can be in it."""
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
    """Return the range; raise InvalidArgument for two bounds on one side, or a wrong limit."""
    if gt is not None and gte is not None:
        raise InvalidArgument("a range takes gt or gte, not both")
    if lt is not None and lte is not None:
        raise InvalidArgument("a range takes lt or lte, not both")
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 0):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        raise InvalidArgument("limit must be a whole number from 0 on, or None")
    if not isinstance(reverse, bool):  # pyright: ignore[reportUnnecessaryIsInstance] - as above
        raise InvalidArgument("reverse must be True or False")
    lower, upper = prefix, upper_bound(prefix) if prefix else None
    if gt is not None or gte is not None:
        lower = encode(gte) if gt is None else encode(gt) + b"\x00"
    if lt is not None or lte is not None:
        upper = encode(lt) if lte is None else encode(lte) + b"\x00"
    return Range(lower, upper, reverse, limit)


class Snapshot:
    """A consistent view, without what is written after it was made. Close it after use."""

    def __init__(self, space: BaseSpace) -> None:
        self._gate = space.gate
        self._snapshot: DriverSnapshot | None = None
        with self._gate:  # closing the handle must not miss it
            with space.reading():
                self._snapshot = snapshot = space.engine.database.snapshot()
            self._gate.open.add(snapshot)

    def _reader(self, space: BaseSpace) -> DriverReader:
        """Return what to read from.

        Raise InvalidArgument for a snapshot of another handle, Closed for a closed one.
        """
        # Another handle of this directory would not wait when this one closes and ends the view.
        if space.gate is not self._gate:
            raise InvalidArgument("the snapshot is of another LevelDB, or another handle of it")
        if self._snapshot is None:
            raise Closed("the snapshot is closed")
        return self._snapshot

    def close(self) -> None:
        """Release the view."""
        snapshot, self._snapshot = self._snapshot, None
        if snapshot is not None:
            self._gate.end(snapshot)

    def __del__(self) -> None:
        self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def reader_of(snapshot: Snapshot, space: BaseSpace) -> DriverReader:
    """Return what to read from.

    Raise InvalidArgument for a snapshot of another handle, Closed for a closed one.
    """
    return snapshot._reader(space)  # pyright: ignore[reportPrivateUsage] - hidden from users only


class Fetching(Generic[T]):
    """Fetches the rows of a range in chunks, as the store was when the fetching began.

    Both faces' iterators read from `ready` and call `fill` when it is empty.
    """

    def __init__(
        self,
        space: BaseSpace,
        reader: DriverReader,
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
        self._one_consumer = threading.Lock()
        self._ended = False
        self._database = space.engine.database
        self._at = None if range.reverse else range.gte  # the last key read, if it is known
        self._rows: Rows | None = None
        # Fetched, but not read yet. Rows are decoded one by one, so that one that cannot be decoded
        # does not hold back those before it.
        self._fetched: list[Any] = []
        self._unread: Iterator[Any] = iter(())
        self.ready: Iterator[T] = self._unread
        with self._gate:  # closing the handle must not miss it
            if not range.empty:
                try:
                    self._rows = rows = self._open(reader)
                except DriverError as error:
                    raise reading_failed(error) from error
                self._gate.open.add(rows)

    def _open(self, reader: DriverReader) -> Rows:
        keys = self._with_keys or self._range.reverse  # the lower bound is compared with keys
        return reader.iterator(
            reverse=self._range.reverse,
            start=None if self._range.reverse else self._range.gte,
            stop=self._range.lt,
            include_key=keys,
            include_value=self._with_values,
            verify_checksums=True,
        )

    def fill(self, most: int) -> bool:
        """Fetch up to that many further rows into `ready`; return False at the end."""
        rows = self._fetched = self._fetch(most)
        self._unread = iter(rows)
        self.ready = self._unread if self._decode is None else map(self._decode, self._unread)
        return bool(rows)

    def _fetch(self, most: int) -> list[Any]:
        if not self._one_consumer.acquire(blocking=False):
            raise InvalidArgument("an iterator has one consumer; make one for each thread")
        try:
            with self._gate:
                if self._rows is None or self._ended:
                    return []
                size = most if self._left is None else min(most, self._left)
                rows = list(islice(self._rows, size))
                if rows:
                    self._at = self._key(rows[-1])
                if len(rows) < size:
                    confirm_end(self._database, self._at, reverse=self._range.reverse)
        except DriverError as error:
            raise reading_failed(error) from error
        finally:
            self._one_consumer.release()
        self._ended = len(rows) < size
        if self._range.reverse:
            rows = self._above_lower_bound(rows)
        if self._left is not None:
            self._left -= len(rows)
        return rows

    def _above_lower_bound(self, rows: list[Any]) -> list[Any]:
        """Return the rows down to the lower bound, and note the end if it was reached."""
        lower, both = self._range.gte, self._with_values
        if rows and (rows[-1][0] if both else rows[-1]) < lower:
            self._ended = True
            rows = [row for row in rows if (row[0] if both else row) >= lower]
        return rows if self._with_keys or not both else [row[1] for row in rows]

    def _key(self, row: Any) -> Any:
        """Return the key of a row of the driver, or None if the row has none."""
        if not self._with_values:
            return row
        return row[0] if self._with_keys or self._range.reverse else None

    def seek(self, target: Any) -> None:
        """Go on at this key, or the next one in the direction of reading; past the end, end."""
        key = self._encode(target)
        with self._one_consumer, self._gate:
            if self._left is not None:
                self._left += length_hint(self._unread)
            self._fetched.clear()  # which empties `ready`, also for a loop that is reading it
            lower, upper = self._range.gte, self._range.lt
            self._ended = key < lower or (upper is not None and key >= upper)
            self._at = None if self._range.reverse else key
            if self._rows is not None and not self._ended:
                # When it reads downwards, the driver goes on below the position that it seeks.
                self._rows.seek(key + b"\x00" if self._range.reverse else key)

    def close(self) -> None:
        """End the iteration."""
        with self._one_consumer:
            self._fetched.clear()
            self._release()

    def _release(self) -> None:
        rows, self._rows = self._rows, None
        if rows is not None:
            self._gate.end(rows)

    def __del__(self) -> None:
        self._release()


class LevelIterator(Generic[T]):
    """An iterator over a range, as the store was when it was made. One consumer at a time.

    It can be moved with `seek`, also within a loop and after its end. A second loop goes on where
    the first one stopped. Ended early with `close`, as a context manager, or by forgetting it.
    """

    def __init__(self, fetching: Fetching[T]) -> None:
        self._fetching = fetching
        self._chunk = _FIRST_CHUNK

    def __iter__(self) -> Iterator[T]:
        fetching = self._fetching
        while True:
            yield from fetching.ready
            if not fetching.fill(self._chunk):
                return
            self._chunk = min(_LARGEST_CHUNK, self._chunk * 4)

    def __next__(self) -> T:
        for row in self._fetching.ready:
            return row
        if not self._fetching.fill(self._chunk):
            raise StopIteration
        return next(self._fetching.ready)

    def seek(self, target: Any) -> None:
        """Go on at this key, or the next one in the direction of reading; past the end, end."""
        self._fetching.seek(target)

    def close(self) -> None:
        """End the iteration."""
        self._fetching.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
