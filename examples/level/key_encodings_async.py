"""Encodings of keys and values: hex keys, base64 values, plain bytes, and one of your own."""

import asyncio
import os
from pathlib import Path

from datapatterns import InvalidArgument
from datapatterns.level import AsyncLevel, NamedCodec

PATH = os.environ.get("DB_PATH", Path(__file__).with_suffix(".db"))

# Any object with `encode` and `decode` is an encoding. Big-endian bytes keep numbers in order.
NUMBER = NamedCodec("u32", lambda n: n.to_bytes(4, "big"), lambda b: int.from_bytes(b, "big"))


async def main() -> None:
    async with AsyncLevel.open(PATH) as level:
        # A digest in hex needs half the space: on disk it is 4 bytes, not 8.
        avatars = level.sublevel("avatars", key_encoding="hex", value_encoding="base64")
        await avatars.put("c0ffee00", "aGVsbG8=")
        print(await avatars.get("c0ffee00"))

        # The same keys and values as the bytes that are stored.
        raw = level.sublevel("avatars", key_encoding="binary", value_encoding="binary")
        print([item async for item in raw.items()])

        try:
            await avatars.put("not hex", "aGVsbG8=")
        except InvalidArgument as error:
            print(error.code)

        years = level.sublevel("years", key_encoding=NUMBER, value_encoding="utf8")
        await years.batch([{"type": "put", "key": y, "value": f"year {y}"} for y in (2014, 9, 300)])
        print([year async for year in years.keys()])


asyncio.run(main())
