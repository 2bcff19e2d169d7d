"""What the steps of the patterns read from and write to: two protocols, and the view of the driver.

A step is a function of a `Reader` or a `Writer`. It knows neither the driver nor the face that
calls it: the database, a snapshot and a transaction all serve, and another ordered store could.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, TypeVarTuple

from datapatterns.level.engine.driver import DriverReader, scan, scan_keys

if TYPE_CHECKING:
    from datapatterns.level.engine.transaction import RawWrite

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Reader(Protocol):
    """An ordered map from keys to values, both of them bytes."""

    def get(self, key: bytes, /) -> bytes | None:
        """Return the value, or None if the key is absent."""
        ...

    def items(
        self, gte: bytes, lt: bytes | None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Iterate over the rows from `gte` up to but not including `lt` (None: to the end)."""
        ...

    def keys(self, gte: bytes, lt: bytes | None) -> Iterator[bytes]:
        """Iterate over the keys of such a range, upwards."""
        ...


class Writer(Reader, Protocol):
    """A reader that sees its own writes, all of which are stored in one step or not at all."""

    def store(self, key: bytes, value: bytes | None) -> None:
        """Write the value, or delete the key if it is None; no hook sees this write."""
        ...

    def put(
        self,
        key: bytes,
        value: bytes | None,
        *,
        fields: dict[str, Any] | None = ...,
        before: dict[str, Any] | None = ...,
    ) -> RawWrite:
        """Write the value, or delete the key if it is None, and return what hooks made of it."""
        ...

    def attempt(self, step: Callable[[Writer, *Ts], T], *args: *Ts) -> T:
        """Run the step on these writes; if it raises, drop what it wrote and raise the error."""
        ...


class View:
    """The database or a snapshot as a `Reader`, which verifies the checksum of all it reads.

    With `cached=False`, iterating leaves LevelDB's cache to the rows that are read more often.
    """

    def __init__(self, reader: DriverReader, *, cached: bool = True) -> None:
        self._reader = reader
        self._cached = cached
        stored = reader.get

        # A closure costs less than a method or a partial; this is the hottest path.
        def get(key: bytes) -> bytes | None:
            return stored(key, verify_checksums=True)

        self.get: Callable[[bytes], bytes | None] = get

    def items(
        self, gte: bytes, lt: bytes | None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Iterate over the rows from `gte` up to but not including `lt` (None: to the end)."""
        return scan(self._reader, gte, lt, reverse=reverse, fill_cache=self._cached)

    def keys(self, gte: bytes, lt: bytes | None) -> Iterator[bytes]:
        """Iterate over the keys of such a range, upwards, without reading their values."""
        return scan_keys(self._reader, gte, lt, fill_cache=self._cached)
