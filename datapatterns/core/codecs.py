"""Encodings between Python values and bytes: utf8, json, binary, hex, base64, or your own."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast, runtime_checkable

from pydantic import Secret, SecretBytes, SecretStr
from pydantic_core import PydanticSerializationError, from_json, to_json, to_jsonable_python

from datapatterns.errors import DataError, DecodeFailed, InvalidArgument


@runtime_checkable
class Codec(Protocol):
    """An encoding: `decode(encode(value))` returns the value."""

    def encode(self, value: Any, /) -> bytes:
        """Return the value's bytes."""
        ...

    def decode(self, data: bytes, /) -> Any:
        """Return the value that the bytes encode."""
        ...


@dataclass(frozen=True, slots=True)
class NamedCodec:
    """A codec made of two functions, and the name by which it is chosen."""

    name: str
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]


# Values of exactly these types are JSON values already.
_PLAIN = frozenset({str, int, bool, type(None)})
# Types that pydantic_core writes as values of another type.
_NOT_JSON = (set, frozenset, bytes, bytearray, complex, Iterator)
# Secrets, which are written as asterisks.
_MASKED = (SecretStr, SecretBytes, Secret)
# pydantic_core writes deeper nesting and longer whole numbers than these, but does not read them.
_DEEPEST, _MOST_DIGITS = 200, 4_300
_DIGITS_AS_ZEROS = bytes(0x30 if 0x30 <= byte <= 0x39 else 0x20 for byte in range(256))
_TOO_MANY_DIGITS = b"0" * (_MOST_DIGITS + 1)


def dumps(value: object) -> bytes:
    """Return compact JSON; raise InvalidArgument for a value that JSON cannot hold, such as NaN.

    Models, dataclasses, datetimes and the like are written as pydantic writes them, and read back
    as JSON values: models and dataclasses as dicts, tuples as lists; datetimes, dates, Decimals,
    UUIDs, paths, and the keys of dicts as strings. Sets and bytes are refused.
    """
    try:
        plain = type(value) in _PLAIN or is_plain(value)
        if not plain and not _is_json(value):
            raise InvalidArgument(
                "not a JSON value: NaN, infinity, sets, bytes and secrets are not allowed"
            )
        data = to_json(value)
    except (PydanticSerializationError, ValueError, RecursionError) as error:
        raise InvalidArgument(f"not a JSON value: {type(value).__name__}") from error
    if len(data) > 2 * _DEEPEST and (not plain or len(data) > _MOST_DIGITS):
        _check_readable(data, plain)
    return data


def loads(data: bytes | str) -> Any:
    """Return the JSON value in the data; raise DecodeFailed if it is not JSON, as NaN is not."""
    try:
        return from_json(data, allow_inf_nan=False)
    except (ValueError, RecursionError) as error:
        raise DecodeFailed("a stored value is not JSON") from error


def is_plain(value: object, levels: int = _DEEPEST) -> bool:
    """Return whether the value has only JSON's own types, nested at most `levels` (200) deep."""
    kind = type(value)
    if kind is dict:
        items: Iterable[object] = cast("dict[object, object]", value).values()
    elif kind is list:
        items = cast("list[object]", value)
    else:
        return kind in _PLAIN or (kind is float and math.isfinite(cast("float", value)))
    if not levels:
        return False
    for item in items:  # noqa: SIM110 - all() with a generator takes twice as long
        if type(item) not in _PLAIN and not is_plain(item, levels - 1):
            return False
    return True


def _is_json(value: object) -> bool:
    """Return whether a value of any type can be written as JSON and keeps its meaning."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, (*_NOT_JSON, *_MASKED)):
        return False
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value)
        return all(_is_json(key) and _is_json(item) for key, item in items.items())
    if isinstance(value, list | tuple):
        return all(_is_json(item) for item in cast("list[object]", value))
    if isinstance(value, str | int | None):
        return True
    # A model, a dataclass and the like: check what is written. (A model writes NaN as null.)
    return _is_json(to_jsonable_python(value))


def _check_readable(data: bytes, shallow: bool) -> None:
    """Raise InvalidArgument for JSON that `loads` would refuse."""
    long = _TOO_MANY_DIGITS in data.translate(_DIGITS_AS_ZEROS)
    if not long and (shallow or data.count(b"[") + data.count(b"{") <= _DEEPEST):
        return
    try:
        from_json(data)
    except ValueError as error:
        raise InvalidArgument(
            f"JSON may have {_DEEPEST} levels and whole numbers of {_MOST_DIGITS:,} digits at most"
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
    """Return the codec of that name, or the object itself if it has `encode` and `decode`."""
    if isinstance(encoding, str):
        try:
            return CODECS[encoding]
        except KeyError:
            known = ", ".join(sorted(CODECS))
            raise InvalidArgument(f"unknown encoding; known are {known}") from None
    if isinstance(encoding, Codec):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        return encoding
    raise InvalidArgument("an encoding must be a name, or an object with encode and decode")


def encode(what: str, codec: Codec, value: object) -> bytes:
    """Return the value's bytes; raise InvalidArgument if the codec fails or returns no bytes."""
    try:
        data = codec.encode(value)
    except DataError:
        raise
    except Exception as error:
        raise InvalidArgument(f"the {what} cannot be encoded") from error
    if not isinstance(data, bytes):  # pyright: ignore[reportUnnecessaryIsInstance] - a user's codec
        raise InvalidArgument(f"the {what}'s encoding returned {type(data).__name__}, not bytes")
    return data


def decode(what: str, codec: Codec, data: bytes) -> Any:
    """Return the value of the bytes; raise DecodeFailed if the codec cannot read them."""
    try:
        return codec.decode(data)
    except DataError:
        raise
    except Exception as error:
        raise DecodeFailed(f"a stored {what} does not fit its encoding") from error
