"""Encodings between Python values and bytes: utf8, json, binary, hex, base64, or one's own."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast, runtime_checkable

from pydantic_core import PydanticSerializationError, from_json, to_json, to_jsonable_python

from datapatterns.errors import DataError, DecodeFailed, InvalidArgument


@runtime_checkable
class Codec(Protocol):
    """An encoding: `decode(encode(value))` gives the value back."""

    def encode(self, value: Any, /) -> bytes:
        """Return the value's bytes."""
        ...

    def decode(self, data: bytes, /) -> Any:
        """Return the value of the bytes."""
        ...


@dataclass(frozen=True, slots=True)
class NamedCodec:
    """A codec made of two functions, with the name it is asked for by."""

    name: str
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]


# Values of exactly these types are JSON as they are.
_PLAIN = frozenset({str, int, bool, type(None)})
# pydantic_core would write them, but as something else than what they are.
_NOT_JSON = (set, frozenset, bytes, bytearray, complex, Iterator)
# What pydantic_core writes but does not read back: deeper nesting, and longer whole numbers.
_DEEPEST, _MOST_DIGITS = 200, 4_300
_DIGITS_AS_ZEROS = bytes(0x30 if 0x30 <= byte <= 0x39 else 0x20 for byte in range(256))
_TOO_MANY_DIGITS = b"0" * (_MOST_DIGITS + 1)


def dumps(value: object) -> bytes:
    """Compact JSON; InvalidArgument for what JSON cannot hold, NaN and infinities included.

    Models, dataclasses, datetimes and the like are written the way pydantic writes them. What comes
    back is JSON: models and dataclasses as dicts, tuples as lists; datetimes, dates, Decimals,
    UUIDs and paths as strings, and so the keys of dicts. Sets and bytes are refused.
    """
    try:
        plain = type(value) in _PLAIN or _is_plain(value, _DEEPEST)
        if not plain and not _is_json(value):
            raise InvalidArgument("not a JSON value: it holds NaN, a set, bytes or the like")
        data = to_json(value)
    except (PydanticSerializationError, ValueError, RecursionError) as error:
        raise InvalidArgument(f"not a JSON value: {type(value).__name__}") from error
    if len(data) > 2 * _DEEPEST and (not plain or len(data) > _MOST_DIGITS):
        _check_readable(data, plain)
    return data


def loads(data: bytes | str) -> Any:
    """The JSON value in the data; DecodeFailed if it is none, NaN and infinities included."""
    try:
        return from_json(data, allow_inf_nan=False)
    except (ValueError, RecursionError) as error:
        raise DecodeFailed("a stored value is not JSON") from error


def _is_plain(value: object, levels: int) -> bool:
    """Whether it is made of dicts, lists, strings and finite numbers, and not deeply nested."""
    kind = type(value)
    if kind is dict:
        items: Iterable[object] = cast("dict[object, object]", value).values()
    elif kind is list:
        items = cast("list[object]", value)
    else:
        return kind in _PLAIN or (kind is float and math.isfinite(cast("float", value)))
    if not levels:
        return False
    for item in items:  # noqa: SIM110 - all() with a generator would take twice as long
        if type(item) not in _PLAIN and not _is_plain(item, levels - 1):
            return False
    return True


def _is_json(value: object) -> bool:
    """The same for everything else that can be written as JSON."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, _NOT_JSON):
        return False
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value)
        return all(_is_json(key) and _is_json(item) for key, item in items.items())
    if isinstance(value, list | tuple):
        return all(_is_json(item) for item in cast("list[object]", value))
    if isinstance(value, str | int | None):
        return True
    # A model, a dataclass and the like: look at what is written. (A model writes NaN as null.)
    return _is_json(to_jsonable_python(value))


def _check_readable(data: bytes, shallow: bool) -> None:
    """InvalidArgument for JSON that `loads` would refuse: nobody could ever read it again."""
    long = _TOO_MANY_DIGITS in data.translate(_DIGITS_AS_ZEROS)
    if not long and (shallow or data.count(b"[") + data.count(b"{") <= _DEEPEST):
        return
    try:
        from_json(data)
    except ValueError as error:
        raise InvalidArgument(
            f"JSON may be nested {_DEEPEST} deep and have numbers of {_MOST_DIGITS:,} digits"
        ) from error


def _encode_utf8(value: Any) -> bytes:
    if not isinstance(value, str):
        raise InvalidArgument(f"the utf8 encoding takes a str, not {type(value).__name__}")
    try:
        return value.encode()
    except UnicodeEncodeError as error:
        raise InvalidArgument("a lone surrogate cannot be encoded as UTF-8") from error


def _encode_binary(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, bytearray | memoryview):
        return bytes(cast("bytearray", value))
    raise InvalidArgument(f"the binary encoding takes bytes, not {type(value).__name__}")


def _encode_hex(value: Any) -> bytes:
    try:
        return binascii.unhexlify(_ascii(value))
    except (TypeError, ValueError) as error:
        raise InvalidArgument("the hex encoding takes a str of hexadecimal digits") from error


def _encode_base64(value: Any) -> bytes:
    try:
        return base64.b64decode(_ascii(value), validate=True)
    except (TypeError, ValueError) as error:
        raise InvalidArgument("the base64 encoding takes a str in base64") from error


def _ascii(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(type(value).__name__)
    return value


UTF8 = NamedCodec("utf8", _encode_utf8, bytes.decode)
JSON = NamedCodec("json", dumps, loads)
BINARY = NamedCodec("binary", _encode_binary, bytes)
HEX = NamedCodec("hex", _encode_hex, bytes.hex)
BASE64 = NamedCodec("base64", _encode_base64, lambda data: base64.b64encode(data).decode())

CODECS: dict[str, Codec] = {codec.name: codec for codec in (UTF8, JSON, BINARY, HEX, BASE64)}
CODECS["buffer"] = BINARY  # abstract-level's name for it


def codec(encoding: str | Codec) -> Codec:
    """The codec of that name, or the object itself if it has `encode` and `decode`."""
    if isinstance(encoding, str):
        try:
            return CODECS[encoding]
        except KeyError:
            known = ", ".join(sorted(CODECS))
            raise InvalidArgument(f"unknown encoding; known are {known}") from None
    if isinstance(encoding, Codec):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        return encoding
    raise InvalidArgument("an encoding is a name, or an object with encode and decode")


def encode(what: str, codec: Codec, value: object) -> bytes:
    """The value's bytes; InvalidArgument if the codec refuses it or gives no bytes."""
    try:
        data = codec.encode(value)
    except DataError:
        raise
    except Exception as error:
        raise InvalidArgument(f"the {what} cannot be encoded") from error
    if not isinstance(data, bytes):  # pyright: ignore[reportUnnecessaryIsInstance] - a user's codec
        raise InvalidArgument(f"the {what}'s encoding gave {type(data).__name__}, not bytes")
    return data


def decode(what: str, codec: Codec, data: bytes) -> Any:
    """The bytes' value; DecodeFailed if the codec cannot read them."""
    try:
        return codec.decode(data)
    except DataError:
        raise
    except Exception as error:
        raise DecodeFailed(f"a stored {what} does not fit its encoding") from error
