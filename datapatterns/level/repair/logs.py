"""LevelDB's log format: to see damage that LevelDB does not, and to cut damage out of a log.

Logs and manifests are blocks of 32 KiB, each a row of records: checksum, length, kind, bytes. Where
a length in the last block points behind the end of the file, LevelDB takes it for a record whose
writer died, and leaves out the rest of the block without a word, even when it is strict. That
is right after a crash. It is damage when whole records follow, or when there is a newer log.

Source: LevelDB's doc/log_format.md.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_BLOCK = 32_768
_HEADER = struct.Struct("<IHB")
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


def records(data: bytes) -> Iterator[bytes]:
    """Iterate over the records, joined from fragments; leave out one that is cut at the end."""
    parts: list[bytes] = []
    at = 0
    while at + _HEADER.size <= len(data):
        left = _BLOCK - at % _BLOCK
        if left < _HEADER.size:
            at += left
            continue
        _, length, kind = _HEADER.unpack_from(data, at)
        begin, at = at + _HEADER.size, at + _HEADER.size + length
        if at > len(data):
            return
        if kind in (_FULL, _FIRST):
            parts = []
        parts.append(data[begin:at])
        if kind in (_FULL, _LAST):
            yield b"".join(parts)


def hides_records(path: Path, *, newest: bool) -> bool:
    """Return whether LevelDB would read less of the log than it holds."""
    block = _last_block(path)
    end = _walk(block, 0)
    if end == len(block):
        return False
    if not newest:
        return True  # another log was begun behind it, so its last record was written to the end
    behind = range(end + _HEADER.size, len(block) - _HEADER.size + 1)
    return any(_is_record(block, at) and _walk(block, at) == len(block) for at in behind)


def cut_out_damage(path: Path) -> bool:
    """Write the log anew without damaged records; return whether there were any.

    Opening without being strict would leave it out as well, but LevelDB then merges tables without
    looking at checksums, which makes damage in them last. Its repair does not look at a log's.
    """
    salvage = _Salvage()
    written = path.with_name(f"{path.name}.salvaged")
    with path.open("rb") as old, written.open("wb") as new:
        writer = _Writer(new)
        while block := old.read(_BLOCK):
            for record in salvage.records(block):
                writer.write(record)
        new.flush()
        os.fsync(new.fileno())
    if salvage.damaged:
        written.replace(path)
    else:
        written.unlink()
    return salvage.damaged


class _Salvage:
    """Joins fragments to records, leaving out those with damage in any of them."""

    def __init__(self) -> None:
        self.damaged = False
        self._parts: list[bytes] | None = None

    def records(self, block: bytes) -> Iterator[bytes]:
        at = 0
        while at + _HEADER.size <= len(block):
            _, length, kind = _HEADER.unpack_from(block, at)
            begin, end = at + _HEADER.size, at + _HEADER.size + length
            if _is_record(block, at):
                yield from self._joined(kind, block[begin:end])
            else:
                self.damaged, self._parts = True, None
                if end > len(block) or not length:
                    return  # where the next one begins is not known
            at = end

    def _joined(self, kind: int, part: bytes) -> Iterator[bytes]:
        if kind in (_FULL, _FIRST):
            self._parts = []
        if self._parts is None:
            return  # its beginning was damaged
        self._parts.append(part)
        if kind in (_FULL, _LAST):
            yield b"".join(self._parts)
            self._parts = None


class _Writer:
    """Writes records into blocks."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = _BLOCK

    def write(self, record: bytes) -> None:
        at, first = 0, True
        while first or at < len(record):
            if self._left < _HEADER.size:
                self._file.write(bytes(self._left))
                self._left = _BLOCK
            part = record[at : at + self._left - _HEADER.size]
            at += len(part)
            last = at == len(record)
            kind = (_FULL if last else _FIRST) if first else (_LAST if last else _MIDDLE)
            checksum = _masked(_crc32c(bytes([kind]) + part))
            self._file.write(_HEADER.pack(checksum, len(part), kind) + part)
            self._left -= _HEADER.size + len(part)
            first = False


def _last_block(path: Path) -> bytes:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(size - size % _BLOCK)  # nothing, if the last block is whole: that one is checked
        return file.read()


def _walk(block: bytes, at: int) -> int:
    """Return where the records that begin here end: at an incomplete one, or with the block."""
    while at + _HEADER.size <= len(block):
        _, length, kind = _HEADER.unpack_from(block, at)
        end = at + _HEADER.size + length
        if end > len(block) or not _FULL <= kind <= _LAST:
            return at
        at = end
    return at


def _is_record(block: bytes, at: int) -> bool:
    """Return whether a whole record begins here, by its kind, its length and its checksum."""
    checksum, length, kind = _HEADER.unpack_from(block, at)
    end = at + _HEADER.size + length
    if not _FULL <= kind <= _LAST or end > len(block):
        return False
    return checksum == _masked(_crc32c(block[at + _HEADER.size - 1 : end]))


def _table() -> tuple[int, ...]:
    table: list[int] = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return tuple(table)


_TABLE = _table()


def _crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def _masked(crc: int) -> int:
    """Return the checksum as logs store it, since their data may hold checksums itself."""
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
