"""The LevelDB driver, plyvel up to CPython 3.12 and plyvel-next from 3.13, and its errors as ours.

Both have the same API and no type stubs, so the parts that this package uses are declared here.
Errors are recognised by their class and by how their text begins or ends; tests pin those texts.
Whoever reads through `scan` or `scan_keys` gets verified rows, and an error for a damaged block.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, Protocol, cast

from datapatterns.errors import (
    Conflict,
    DataCorrupted,
    DataError,
    Forbidden,
    InvalidArgument,
    Locked,
    NotFound,
    OutcomeUnknown,
    Unavailable,
)

try:
    if sys.version_info >= (3, 13):
        import plyvel_next as plyvel  # pyright: ignore[reportMissingImports] - one of the two is there
    else:
        import plyvel  # pyright: ignore[reportMissingTypeStubs] - has none
except ImportError as error:
    raise ImportError("LevelDB needs a driver: pip install 'datapatterns[level]'") from error


class Rows(Protocol):
    """An iterator over rows: pairs, keys or values."""

    def __iter__(self) -> Iterator[Any]: ...
    def __next__(self) -> Any: ...
    def seek(self, target: bytes) -> None: ...
    def close(self) -> None: ...


class DriverReader(Protocol):
    """What the database and its snapshots share."""

    def get(self, key: bytes, *, verify_checksums: bool = ...) -> bytes | None: ...
    def iterator(
        self,
        *,
        reverse: bool = ...,
        start: bytes | None = ...,
        stop: bytes | None = ...,
        include_key: bool = ...,
        include_value: bool = ...,
        verify_checksums: bool = ...,
        fill_cache: bool = ...,
    ) -> Rows: ...
    def raw_iterator(self, *, verify_checksums: bool = ..., fill_cache: bool = ...) -> RawRows: ...


class RawRows(Protocol):
    """LevelDB's own iterator, which tells a damaged block from the end."""

    def valid(self) -> bool: ...
    def seek(self, target: bytes) -> None: ...
    def seek_to_first(self) -> None: ...
    def seek_to_last(self) -> None: ...
    def next(self) -> None: ...
    def item(self) -> tuple[bytes, bytes]: ...
    def close(self) -> None: ...


class DriverSnapshot(DriverReader, Protocol):
    """A consistent view."""

    def close(self) -> None: ...


class DriverBatch(Protocol):
    """Writes that are applied together."""

    def put(self, key: bytes, value: bytes) -> None: ...
    def delete(self, key: bytes) -> None: ...
    def write(self) -> None: ...


class Database(DriverReader, Protocol):
    """An open LevelDB."""

    def put(self, key: bytes, value: bytes, *, sync: bool = ...) -> None: ...
    def delete(self, key: bytes, *, sync: bool = ...) -> None: ...
    def write_batch(self, *, sync: bool = ...) -> DriverBatch: ...
    def snapshot(self) -> DriverSnapshot: ...
    def compact_range(self, *, start: bytes, stop: bytes) -> None: ...
    def close(self) -> None: ...


driver = cast("Any", plyvel)
DriverError: type[Exception] = driver.Error
DriverIOError: type[Exception] = driver.IOError
DriverCorruption: type[Exception] = driver.CorruptionError


def open_database(path: str, **options: Any) -> Database:
    """Open the directory with the driver; its errors come out as they are."""
    return cast("Database", driver.DB(path, **options))


def scan(
    reader: DriverReader,
    gte: bytes,
    lt: bytes | None,
    *,
    reverse: bool = False,
    fill_cache: bool = True,
) -> Iterator[tuple[bytes, bytes]]:
    """Iterate over the rows from `gte` up to but not including `lt`; verify their checksums.

    When it reads downwards with a start, the driver drops the last row. So the start is left out
    then, and the lower bound is compared here.
    """
    options: dict[str, Any] = {"stop": lt, "verify_checksums": True, "fill_cache": fill_cache}
    last = None if reverse else gte
    for row in reader.iterator(reverse=reverse, start=last, **options):
        last = row[0]
        if reverse and last < gte:
            return
        yield row
    confirm_end(reader, last, reverse=reverse)


def scan_keys(
    reader: DriverReader, gte: bytes, lt: bytes | None, *, fill_cache: bool = True
) -> Iterator[bytes]:
    """Iterate over the keys of a range without reading their values; verify checksums."""
    last = gte
    options: dict[str, Any] = {"verify_checksums": True, "fill_cache": fill_cache}
    for key in reader.iterator(start=gte, stop=lt, include_value=False, **options):
        last = key
        yield key
    confirm_end(reader, last)


def confirm_end(reader: DriverReader, last: bytes | None, *, reverse: bool = False) -> None:
    """Raise the driver's error if an iteration stopped at a damaged block instead of at its end.

    `last` is the last key that was read, or the key where reading began, or None if neither is
    known. The driver's iterators report no error when they read upwards into a damaged block and
    no row follows it, or downwards into one before they have returned any row.
    """
    if reverse and last is not None:
        return
    rows = reader.raw_iterator(verify_checksums=True)
    try:
        if last is None:
            rows.seek_to_last()
        else:
            rows.seek(last)
            if rows.valid():
                rows.next()
    finally:
        rows.close()


def repair_database(path: str) -> None:
    """Let LevelDB rebuild what it can, refusing blocks whose checksum is wrong."""
    driver.repair_db(path, paranoid_checks=True)


_EXHAUSTED = ("Too many open files", "Too many open files in system", "Cannot allocate memory")


def _text(error: Exception) -> str:
    message = error.args[0] if error.args else b""
    return message.decode(errors="replace") if isinstance(message, bytes) else str(message)


def opening_failed(error: Exception) -> DataError:
    """Return our error for a directory that the driver could not open."""
    text = _text(error)
    if text.startswith("IO error: lock "):
        return Locked("this LevelDB directory is in use by another process")
    if "does not exist (create_if_missing is false)" in text:
        return NotFound("there is no LevelDB at this path, and create=False")
    if "exists (error_if_exists is true)" in text:
        return Conflict("there is a LevelDB at this path already", reason="exists")
    if isinstance(error, DriverCorruption):
        return DataCorrupted("this LevelDB directory is damaged; open it with recover=True")
    if text.endswith("Permission denied"):
        return Forbidden("this LevelDB directory may not be opened by this user")
    if text.endswith(("Not a directory", "File name too long")):
        return InvalidArgument("the path of a LevelDB must be a directory, or one that can be made")
    if text.endswith("Is a directory"):  # in the place of a file
        return DataCorrupted("this LevelDB directory is damaged; open it with recover=True")
    return Unavailable("this LevelDB directory could not be opened")


def reading_failed(error: Exception) -> DataError:
    """Return our error for a failed read; a cut or missing table surfaces as an I/O error."""
    text = _text(error)
    if text.endswith(_EXHAUSTED):
        return Unavailable("LevelDB could not read: the process has no memory or files left")
    if isinstance(error, DriverCorruption) or ".ldb:" in text or ".sst:" in text:
        return DataCorrupted("stored data is damaged; open the directory with recover=True")
    return Unavailable("LevelDB could not read")


def writing_failed(error: Exception) -> DataError:
    """Return our error for a failed write; at the next opening the log may or may not hold it."""
    if isinstance(error, DriverCorruption):
        return DataCorrupted("stored data is damaged; open the directory with recover=True")
    return OutcomeUnknown("LevelDB could not finish a write; whether it is stored is not known")
