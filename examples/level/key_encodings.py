"""Encodings of keys and values: hex keys, base64 values, plain bytes, and one of your own."""

import os
from pathlib import Path

from datapatterns import InvalidArgument
from datapatterns.level import Level, NamedCodec

PATH = os.environ.get("DB_PATH", Path(__file__).with_suffix(".db"))

with Level.open(PATH) as level:
    # A digest in hex needs half the space: on disk it is 4 bytes, not 8.
    avatars = level.sublevel("avatars", key_encoding="hex", value_encoding="base64")
    avatars.put("c0ffee00", "aGVsbG8=")
    print(avatars.get("c0ffee00"))

    # The same keys and values as the bytes that are stored.
    raw = level.sublevel("avatars", key_encoding="binary", value_encoding="binary")
    print(list(raw.items()))

    try:
        avatars.put("not hex", "aGVsbG8=")
    except InvalidArgument as error:
        print(error.code)

    # Any object with `encode` and `decode` is an encoding. Big-endian bytes keep numbers in order.
    number = NamedCodec("u32", lambda n: n.to_bytes(4, "big"), lambda b: int.from_bytes(b, "big"))
    years = level.sublevel("years", key_encoding=number, value_encoding="utf8")
    years.batch([{"type": "put", "key": y, "value": f"year {y}"} for y in (2014, 9, 300)])
    print(list(years.keys()))
