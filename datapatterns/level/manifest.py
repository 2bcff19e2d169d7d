"""Files that a LevelDB directory cannot do without, but whose loss LevelDB does not notice.

Without CURRENT it takes the directory for a new one, and without the log that its manifest names
it starts a fresh log: either way it opens with less in it, and deletes the files it knows nothing
of. So both are looked for before the driver may open the directory.

Source: LevelDB's doc/log_format.md and doc/impl.md, and the tags of its version edits.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_BLOCK = 32_768
_RECORD = struct.Struct("<IHB")  # checksum, length, kind
_FULL, _FIRST, _LAST = 1, 2, 4
_DATA = re.compile(r"(\d+)\.(log|ldb|sst)")
_TRIES = 100


@dataclass(slots=True)
class Manifest:
    """What a manifest says: the oldest log that still counts (0: none), and the live tables."""

    log: int = 0
    tables: set[int] = field(default_factory=set[int])


@dataclass(frozen=True, slots=True)
class Loss:
    """What is missing, and whether tables are there that the manifest does not know of."""

    text: str
    unknown_tables: bool


def loss(path: Path) -> Loss | None:
    """What the directory has lost without LevelDB noticing, None if nothing."""
    for _ in range(_TRIES):
        manifest = _stored(path)
        files = {(match[2], int(match[1])) for match in map(_DATA.fullmatch, _names(path)) if match}
        # Another process may have it open: it writes the manifest before it deletes a log.
        if _stored(path) == manifest:
            return _compare(manifest, files)
    return None


def is_database(path: Path) -> bool:
    """Whether there is a LevelDB at the path, or what is left of one."""
    names = _names(path)
    return "CURRENT" in names or any(map(_DATA.fullmatch, names))


def _compare(manifest: bytes | None, files: set[tuple[str, int]]) -> Loss | None:
    tables = {number for kind, number in files if kind != "log"}
    if manifest is None:
        return Loss("its file CURRENT is missing", unknown_tables=True) if files else None
    try:
        known = read(manifest)
    except (IndexError, ValueError):
        return None  # damaged in a way that LevelDB does notice
    if known.log and ("log", known.log) not in files:
        return Loss("a log file is missing, or its manifest is cut", bool(tables - known.tables))
    return None


def _names(path: Path) -> list[str]:
    try:
        return os.listdir(path)
    except OSError:
        return []


def _stored(path: Path) -> bytes | None:
    """The manifest's bytes; None if nothing says which one, no bytes if it cannot be read."""
    try:
        current = (path / "CURRENT").read_text("utf-8", "replace")
    except FileNotFoundError:
        return None
    except OSError:
        return b""
    try:
        return (path / current.strip("\n")).read_bytes()
    except (OSError, ValueError):
        return b""


def read(data: bytes) -> Manifest:
    """What the bytes of a manifest say; ValueError or IndexError if they make no sense."""
    manifest = Manifest()
    for record in _records(data):
        _apply(record, manifest)
    return manifest


def _records(data: bytes) -> Iterator[bytes]:
    """The records of a file in the log format; one that is cut short at the end is left out."""
    parts: list[bytes] = []
    at = 0
    while at + _RECORD.size <= len(data):
        left = _BLOCK - at % _BLOCK
        if left < _RECORD.size:
            at += left
            continue
        _, length, kind = _RECORD.unpack_from(data, at)
        begin, at = at + _RECORD.size, at + _RECORD.size + length
        if at > len(data):
            return
        if kind in (_FULL, _FIRST):
            parts = []
        parts.append(data[begin:at])
        if kind in (_FULL, _LAST):
            yield b"".join(parts)


def _apply(edit: bytes, manifest: Manifest) -> None:
    at = 0
    while at < len(edit):
        tag, at = _number(edit, at)
        match tag:
            case 1:  # the comparator's name
                _, at = _text(edit, at)
            case 2:
                manifest.log, at = _number(edit, at)
            case 3 | 4 | 9:  # the next file, the last sequence, an older log
                _, at = _number(edit, at)
            case 5:  # where a level's compaction goes on
                _, at = _number(edit, at)
                _, at = _text(edit, at)
            case 6:
                _, at = _number(edit, at)
                number, at = _number(edit, at)
                manifest.tables.discard(number)
            case 7:  # level, number, size, smallest and largest key
                _, at = _number(edit, at)
                number, at = _number(edit, at)
                manifest.tables.add(number)
                _, at = _number(edit, at)
                _, at = _text(edit, at)
                _, at = _text(edit, at)
            case _:
                raise ValueError("unknown tag")


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A variable-length integer and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _text(data: bytes, at: int) -> tuple[bytes, int]:
    length, at = _number(data, at)
    return data[at : at + length], at + length
