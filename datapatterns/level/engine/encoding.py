"""Encoders and decoders of a level's keys and values, as plain functions that raise our errors."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from datapatterns.core.codecs import BINARY, JSON, UTF8, Codec, decode, encode
from datapatterns.errors import DecodeFailed, InvalidArgument

Encode = Callable[[Any], bytes]
Decode = Callable[[bytes], Any]


def key_list(keys: Iterable[Any]) -> list[Any]:
    """Return the keys as a list; raise InvalidArgument for a single key."""
    if isinstance(keys, str | bytes) or not isinstance(keys, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        raise InvalidArgument("these must be several keys, not one")
    return list(keys)


def key_encoder(codec: Codec, prefix: bytes) -> Encode:
    """Return a function from a key to its bytes on disk, which refuses an empty or unfit key."""
    convert = _raw_encoder(codec, "key")
    bare = len(prefix)

    def encode_key(key: Any) -> bytes:
        try:
            data = prefix + convert(key)
        except (TypeError, UnicodeEncodeError) as error:
            raise _unfit("key", codec, key) from error
        if len(data) == bare:
            raise InvalidArgument("a key must not be empty")
        return data

    return encode_key


def bound_encoder(codec: Codec, prefix: bytes) -> Encode:
    """Return a function from a bound of a range to its bytes on disk; an empty bound is allowed."""
    convert = _raw_encoder(codec, "key")

    def encode_bound(key: Any) -> bytes:
        try:
            return prefix + convert(key)
        except (TypeError, UnicodeEncodeError) as error:
            raise _unfit("key", codec, key) from error

    return encode_bound


def value_encoder(codec: Codec) -> Encode:
    """Return a function from a value to its bytes, which refuses None and an unfit value."""
    convert = _raw_encoder(codec, "value")

    def encode_value(value: Any) -> bytes:
        if value is None:
            raise InvalidArgument("None cannot be stored: it is what a missing key gives")
        try:
            return convert(value)
        except (TypeError, UnicodeEncodeError) as error:
            raise _unfit("value", codec, value) from error

    return encode_value


def _raw_encoder(codec: Codec, what: str) -> Encode:
    """Return the encoder; the commonest ones are one call into C, which raises TypeError."""
    if codec is UTF8:
        return str.encode
    if codec is BINARY:
        return b"".__add__
    if codec is JSON:
        return codec.encode
    return lambda value: encode(what, codec, value)


def _unfit(what: str, codec: Codec, value: object) -> InvalidArgument:
    name = getattr(codec, "name", type(codec).__name__)
    return InvalidArgument(f"a {type(value).__name__} cannot be a {what} in the encoding {name}")


def decoder(codec: Codec, what: str, skip: int = 0) -> Decode:
    """Return a function from bytes on disk, less their prefix, to a key or value.

    The function raises DecodeFailed.
    """
    if codec is BINARY:
        return (lambda data: data[skip:]) if skip else bytes
    if codec is UTF8:

        def decode_utf8(data: bytes) -> str:
            try:
                return data[skip:].decode()
            except UnicodeDecodeError as error:
                raise DecodeFailed(f"a stored {what} is not UTF-8") from error

        return decode_utf8
    if codec is JSON and not skip:
        return codec.decode
    return lambda data: decode(what, codec, data[skip:])
