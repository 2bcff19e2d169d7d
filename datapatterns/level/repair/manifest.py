"""Losses that LevelDB does not notice when it opens a directory.

Without CURRENT it takes the directory for a new one, and without the log that its manifest names
it starts a fresh log: either way it opens with less in it, and deletes the files it knows nothing
of. A log can look shorter than it is. So we look before the driver may open the directory.

Source: LevelDB's doc/log_format.md and doc/impl.md, and the tags of its version edits.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from datapatterns.level.repair import logs

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
    """Return what the directory has lost without LevelDB noticing, or None if nothing."""
    for _ in range(_TRIES):
        manifest = _stored(path)
        files = {(match[2], int(match[1])) for match in map(_DATA.fullmatch, _names(path)) if match}
        # Another process may have it open: it writes the manifest before it deletes a log.
        if _stored(path) == manifest:
            return _compare(path, manifest, files)
    return None


def is_database(path: Path) -> bool:
    """Return whether there is a LevelDB at the path, or the rest of one."""
    try:
        names = os.listdir(path)
    except PermissionError:
        return True  # so that opening it raises the right error
    except OSError:
        return False
    return "CURRENT" in names or any(map(_DATA.fullmatch, names))


def live_tables(path: Path) -> set[str]:
    """Return the names of the directory's tables, or none if its manifest cannot be read."""
    try:
        tables = read(_stored(path) or b"").tables
    except (IndexError, ValueError):
        return set()
    return {f"{number:06}.{kind}" for number in tables for kind in ("ldb", "sst")}


def _compare(path: Path, manifest: bytes | None, files: set[tuple[str, int]]) -> Loss | None:
    tables = {number for kind, number in files if kind != "log"}
    if manifest is None:
        return Loss("its file CURRENT is missing", unknown_tables=True) if files else None
    try:
        known = read(manifest)
    except (IndexError, ValueError):
        return None  # damaged in a way that LevelDB does notice
    if known.log and ("log", known.log) not in files:
        return Loss("a log file is missing, or its manifest is cut", bool(tables - known.tables))
    live = sorted(number for kind, number in files if kind == "log" and number >= known.log)
    if _damaged_end([path / f"{number:06}.log" for number in live]):
        return Loss("a log is damaged near its end", unknown_tables=False)
    return None


def _damaged_end(live: list[Path]) -> bool:
    """Return whether one of these logs, the oldest first, holds more than LevelDB would read."""
    try:
        # An empty log is no evidence: its writer may have died before it had read the older ones.
        written = [log for log in live if log.stat().st_size]
        return any(logs.hides_records(log, newest=log is written[-1]) for log in written)
    except OSError:
        return False  # not readable: LevelDB notices that, or another process has deleted it


def _names(path: Path) -> list[str]:
    try:
        return os.listdir(path)
    except OSError:
        return []


def _stored(path: Path) -> bytes | None:
    """Return the manifest; None if no file CURRENT names it, empty bytes if it cannot be read."""
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
    """Return the content of a manifest; ValueError or IndexError if it cannot be parsed."""
    manifest = Manifest()
    for record in logs.records(data):
        _apply(record, manifest)
    return manifest


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
    """Return a variable-length integer and where it ends."""
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
