"""Up to where everything is done, while jobs finish in any order."""

from __future__ import annotations


class Watermark:
    """The position of the last arrival below which nothing is unfinished.

    Positions (`seq`) are opaque and may not be compared, so arrivals are numbered here, in the
    order in which they came. An unfinished one remembers only the position before it: the watermark
    is what the oldest unfinished one remembers or, if there is none, the last arrival's position.
    So the memory is that of the unfinished, however far the others have run ahead.

    O(1) for each call. Not for several threads at once: callers hold a lock.
    """

    def __init__(self, position: str | None = None) -> None:
        self._last = position
        self._arrived = 0
        self._unfinished: dict[int, str | None] = {}  # in the order of arrival

    def start(self, seq: str) -> int:
        """Note an arrival and return its number, to be given to `done`."""
        self._arrived += 1
        self._unfinished[self._arrived] = self._last
        self._last = seq
        return self._arrived

    def done(self, number: int) -> None:
        """Note that this arrival is finished; again is harmless."""
        self._unfinished.pop(number, None)

    def skip(self, seq: str) -> None:
        """Note an arrival that needs no work."""
        self._last = seq

    @property
    def position(self) -> str | None:
        """The highest position below which, itself included, everything is done."""
        return next(iter(self._unfinished.values()), self._last)
