"""Shards: a stable part of all ids for each of several workers, and a name for its state."""

from __future__ import annotations

import re
import zlib

from datapatterns.errors import InvalidArgument

_SHARD = re.compile(r"#\d+/\d+\Z")


def check_shard(shard: object) -> tuple[int, int]:
    """Return the shard unchanged; raise InvalidArgument unless it is (i, n) with 0 <= i < n."""
    match shard:
        case (int(i), int(n)) if 0 <= i < n:
            return i, n
        case _:
            raise InvalidArgument("shard must be a pair (i, n) with 0 <= i < n")


def shard_of(id: str, shards: int) -> int:
    """Return the shard, from 0 on, that handles the id: CRC-32 of its UTF-8 modulo the shards.

    (`hash` would differ from one process to the next.)
    """
    return zlib.crc32(id.encode("utf-8", "surrogatepass")) % shards


def shard_name(name: str, shard: int, shards: int) -> str:
    """Return the name under which a worker of one shard keeps its state; names are distinct.

    A worker of all ids keeps its plain name, unless that looks like the name of a shard.
    """
    if shards == 1 and not _SHARD.search(name):
        return name
    return f"{name}#{shard}/{shards}"
