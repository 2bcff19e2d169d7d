"""The position up to which everything is done, when jobs finish in any order."""

from __future__ import annotations


class Watermark:
    """The last position up to which every arrival is finished.

    Positions (`seq`) are opaque and cannot be compared, so arrivals are numbered here in their
    order. For each unfinished arrival the position before it is stored. The watermark is the one
    stored for the oldest unfinished arrival or, if all are finished, the last arrival's position.
    So memory is needed for the unfinished arrivals only, however many later ones are finished.

    Each call is O(1). Callers hold a lock if several threads use it.
    """

    def __init__(self, position: str | None = None) -> None:
        self._last = position
        self._arrived = 0
        self._unfinished: dict[int, str | None] = {}  # in the order of arrival

    def start(self, seq: str) -> int:
        """Note an arrival and return its number, for `done`."""
        self._arrived += 1
        self._unfinished[self._arrived] = self._last
        self._last = seq
        return self._arrived

    def done(self, number: int) -> None:
        """Note that the arrival is finished; repeating it has no effect."""
        self._unfinished.pop(number, None)

    def skip(self, seq: str) -> None:
        """Note an arrival that needs no work."""
        self._last = seq

    @property
    def position(self) -> str | None:
        """Return the last position up to which everything is done, that position included."""
        return next(iter(self._unfinished.values()), self._last)
