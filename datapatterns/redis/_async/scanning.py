"""Scans a namespace in Redis: its keys, and the fields of a hash, in steps."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from functools import partial
from typing import Any
from urllib.parse import unquote_to_bytes

from datapatterns.errors import DataCorrupted
from datapatterns.redis._async.lua import SCRIPTS
from datapatterns.redis.wire._async.commands import when_free
from datapatterns.redis.wire._async.pools import AsyncRedisClient, Pool, pools_of, take
from datapatterns.redis.wire.closing import check_open
from datapatterns.redis.wire.errors import redis_errors

Argument = bytes | str | int

PAGE = 500  # keys, fields or members in one step
_GLOB = re.compile(rb"[*?\[\]\\^-]")


async def ask(pool: Pool, *command: Argument) -> Any:
    """Return the reply, in bytes, of this one server to a command that changes nothing."""
    with redis_errors():
        connection = await when_free(partial(take, pool))
        try:
            await connection.send_command(*command)
            return await connection.read_response(disable_decoding=True)
        finally:
            await pool.release(connection)


async def all_keys(
    client: AsyncRedisClient, start: bytes, end: bytes
) -> AsyncIterator[list[bytes]]:
    """Iterate over the keys with this start and end, on every server; a key may come twice."""
    pattern = _GLOB.sub(rb"\\\g<0>", start) + b"*" + _GLOB.sub(rb"\\\g<0>", end)
    for pool in await pools_of(client):
        cursor = b"0"
        while True:
            check_open(client)
            cursor, keys = await ask(pool, "SCAN", cursor, "MATCH", pattern, "COUNT", PAGE)
            yield keys
            if cursor == b"0":
                break


def names_of(key: bytes) -> tuple[list[str], list[str]]:
    """Return the parts of a key's hash tag (namespace, pattern, names), and those behind it."""
    tag, _, parts = key[1:].partition(b"}:")
    return list(map(_name, tag.split(b":"))), list(map(_name, parts.split(b":")))


def _name(part: bytes) -> str:
    return unquote_to_bytes(part).decode(errors="replace")


async def fields_of(
    client: AsyncRedisClient, key: bytes, start: bytes
) -> AsyncIterator[list[bytes]]:
    """Iterate over the fields of a hash with this start; a field may come twice."""
    cursor = b"0"
    while True:
        cursor, *found = await SCRIPTS.read(
            client, "transfer/scan", [key], [cursor, start + b"*", PAGE]
        )
        for at in range(0, len(found), PAGE):
            yield found[at : at + PAGE]
        if cursor == b"0":
            return


def number(value: bytes) -> int:
    """Return the whole number in a stored value; raise DataCorrupted if it is not one."""
    try:
        return int(value)
    except ValueError as error:
        raise DataCorrupted("a stored value is not a whole number") from error


def text_of(data: bytes) -> str:
    """Return the text in a stored value; raise DataCorrupted if it is not UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise DataCorrupted("a stored name or value is not UTF-8") from error
