"""Order-preserving tuples: the byte order of packed tuples is the order of the tuples.

The format is FoundationDB's tuple layer, which other tools can read: null, bytes, text, nested
tuples, integers of up to 255 bytes, doubles, booleans and UUIDs. `collate` turns a JSON value into
elements of a tuple that order it as an index does: null, false, true, numbers by value, strings,
arrays, objects.

Source: the tuple layer's specification in FoundationDB's documentation.
"""

from __future__ import annotations

import math
import struct
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from datapatterns.errors import DecodeFailed, InvalidArgument

NULL, BYTES, TEXT, NESTED, ZERO = 0x00, 0x01, 0x02, 0x05, 0x14
NEGATIVE_BIG, POSITIVE_BIG = 0x0B, 0x1D  # of integers of more than 8 bytes: the length follows
DOUBLE, FALSE, TRUE, UUID = 0x21, 0x26, 0x27, 0x30

AFTER = b"\xff"  # sorts behind every packed element, so prefix + AFTER ends a range


def pack(values: Iterable[object]) -> bytes:
    """Return the bytes of a tuple; raise InvalidArgument for a value the format cannot hold."""
    try:
        return b"".join([_pack(value) for value in values])
    except RecursionError as error:
        raise InvalidArgument("a tuple is nested too deeply") from error


def _pack(value: object, *, nested: bool = False) -> bytes:
    match value:
        case None:
            return b"\x00\xff" if nested else b"\x00"
        case bool():
            return b"\x27" if value else b"\x26"
        case int():
            return _pack_int(value)
        case str():
            return _pack_text(value)
        case bytes():
            return b"\x01" + value.replace(b"\x00", b"\x00\xff") + b"\x00"
        case float():
            return b"\x21" + _flip(struct.pack(">d", value))
        case uuid.UUID():
            return b"\x30" + value.bytes
        case tuple() | list():
            items = cast("Sequence[object]", value)
            return b"\x05" + b"".join(_pack(item, nested=True) for item in items) + b"\x00"
        case _:
            raise InvalidArgument(f"a tuple cannot hold {type(value).__name__}")


def _pack_text(text: str) -> bytes:
    try:
        return b"\x02%b\x00" % text.encode().replace(b"\x00", b"\x00\xff")
    except UnicodeEncodeError as error:
        raise InvalidArgument("a lone surrogate cannot be encoded as UTF-8") from error


def _pack_int(value: int) -> bytes:
    """Return a code for sign and length, then the bytes, complemented for a negative number."""
    size = (abs(value).bit_length() + 7) // 8
    if size > 255:
        raise InvalidArgument("an integer in a tuple has at most 255 bytes")
    if value >= 0:
        head = bytes([ZERO + size]) if size <= 8 else bytes([POSITIVE_BIG, size])
        return head + value.to_bytes(size, "big")
    head = bytes([ZERO - size]) if size <= 8 else bytes([NEGATIVE_BIG, size ^ 0xFF])
    return head + (value + (1 << 8 * size) - 1).to_bytes(size, "big")


def _flip(data: bytes) -> bytes:
    """Return a double's bytes in sortable form: all bits flipped if negative, else the sign."""
    if data[0] & 0x80:
        return bytes(byte ^ 0xFF for byte in data)
    return bytes([data[0] ^ 0x80]) + data[1:]


def _unflip(data: bytes) -> bytes:
    if data[0] & 0x80:
        return bytes([data[0] ^ 0x80]) + data[1:]
    return bytes(byte ^ 0xFF for byte in data)


def unpack(data: bytes) -> tuple[Any, ...]:
    """Return the tuple in the bytes; raise DecodeFailed if they are not a packed tuple."""
    values: list[Any] = []
    at = 0
    try:
        while at < len(data):
            value, at = _unpack(data, at)
            values.append(value)
    except (IndexError, ValueError, RecursionError) as error:
        raise DecodeFailed("not a packed tuple") from error
    return tuple(values)


def _unpack(data: bytes, at: int) -> tuple[Any, int]:
    code = data[at]
    at += 1
    if code in (TEXT, BYTES):
        raw, at = _terminated(data, at)
        return (raw.decode() if code == TEXT else raw), at
    if NEGATIVE_BIG <= code <= POSITIVE_BIG:
        return _unpack_int(data, at, code)
    if code == NULL:
        return None, at
    if code == DOUBLE:
        return struct.unpack(">d", _unflip(_exactly(data, at, 8)))[0], at + 8
    if code in (FALSE, TRUE):
        return code == TRUE, at
    if code == NESTED:
        return _unpack_nested(data, at)
    if code == UUID:
        return uuid.UUID(bytes=_exactly(data, at, 16)), at + 16
    raise ValueError(f"unknown type code {code}")


def _terminated(data: bytes, at: int) -> tuple[bytes, int]:
    end = data.index(0, at)
    while data[end + 1 : end + 2] == AFTER:
        end = data.index(0, end + 2)
    return data[at:end].replace(b"\x00\xff", b"\x00"), end + 1


def _exactly(data: bytes, at: int, size: int) -> bytes:
    if at + size > len(data):
        raise ValueError("cut short")
    return data[at : at + size]


def _unpack_int(data: bytes, at: int, code: int) -> tuple[int, int]:
    if code in (NEGATIVE_BIG, POSITIVE_BIG):
        size = data[at] ^ (0xFF if code == NEGATIVE_BIG else 0)
        at += 1
    else:
        size = abs(code - ZERO)
    value = int.from_bytes(_exactly(data, at, size), "big")
    return (value if code >= ZERO else value - (1 << 8 * size) + 1), at + size


def _unpack_nested(data: bytes, at: int) -> tuple[tuple[Any, ...], int]:
    values: list[Any] = []
    while True:
        if data[at] == NULL:
            if data[at + 1 : at + 2] != AFTER:
                return tuple(values), at + 1
            values.append(None)
            at += 2
        else:
            value, at = _unpack(data, at)
            values.append(value)


# The order of JSON values. A number becomes its whole part, the sign of its fraction, and the
# fraction unless it is 0. So integers and floats are ordered by value, exactly, also beyond 2^53.
_NULL, _FALSE, _TRUE, _NUMBER, _STRING, _ARRAY, _OBJECT = range(7)
MOST_LEVELS = 100  # levels of nesting that fit on Python's stack in any case


def collate(value: object, levels: int = MOST_LEVELS) -> tuple[Any, ...]:
    """Return the elements that order a JSON value among all others.

    Raise InvalidArgument for a value that is not JSON, or has more than `levels` (100) levels.
    """
    if not levels:
        raise InvalidArgument(f"an index cannot hold a value of more than {MOST_LEVELS} levels")
    match value:
        case None:
            return (_NULL,)
        case bool():
            return (_TRUE,) if value else (_FALSE,)
        case int():
            return (_NUMBER, value, 0)
        case float():
            return _collate_float(value)
        case str():
            return (_STRING, value)
        case list() | tuple():
            items = cast("Sequence[object]", value)
            return (_ARRAY, tuple(collate(item, levels - 1) for item in items))
        case Mapping():
            members = sorted(cast("Mapping[str, object]", value).items())
            return (_OBJECT, tuple((key, collate(item, levels - 1)) for key, item in members))
        case _:
            raise InvalidArgument(f"an index cannot hold {type(value).__name__}")


def pack_collated(value: object) -> bytes:
    """Return `pack(collate(value))`, faster for strings, integers and null."""
    if type(value) is str:
        return b"\x15\x04" + _pack_text(value)
    if type(value) is int:
        return b"\x15\x03%b\x14" % _pack_int(value)
    if value is None:
        return b"\x14"
    return pack(collate(value))


def _collate_float(value: float) -> tuple[Any, ...]:
    if not math.isfinite(value):
        raise InvalidArgument("an index cannot hold NaN or infinity")
    rest, whole = math.modf(value)
    if rest == 0:
        return (_NUMBER, int(whole), 0)
    return (_NUMBER, int(whole), 1 if rest > 0 else -1, rest)


def collated(elements: Sequence[Any], fields: int) -> tuple[tuple[Any, ...], Sequence[Any]]:
    """Return the first `fields` JSON values of the elements, arrays as tuples, and the rest."""
    values: list[Any] = []
    for _ in range(fields):
        value, elements = _collated(elements)
        values.append(value)
    return tuple(values), elements


def _collated(elements: Sequence[Any]) -> tuple[Any, Sequence[Any]]:
    match elements[0]:
        case 0:
            return None, elements[1:]
        case 1 | 2:
            return elements[0] == _TRUE, elements[1:]
        case 3 if elements[2] == 0:
            return elements[1], elements[3:]
        case 3:
            return elements[1] + elements[3], elements[4:]
        case 4:
            return elements[1], elements[2:]
        case 5:
            return tuple(_collated(item)[0] for item in elements[1]), elements[2:]
        case _:
            return tuple((key, _collated(item)[0]) for key, item in elements[1]), elements[2:]
