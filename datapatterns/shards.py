"""A stable share of the ids for each of several workers, and a checkpoint name for each share."""

from __future__ import annotations

import re
import zlib

_SHARE = re.compile(r"#\d+/\d+\Z")


def shard_of(id: str, shards: int) -> int:
    """Return the shard, from 0, that handles the id: CRC-32 of its UTF-8, modulo the shards.

    Not `hash`, which differs from one process to the next.
    """
    return zlib.crc32(id.encode("utf-8", "surrogatepass")) % shards


def shard_name(name: str, shard: int, shards: int) -> str:
    """Return the name under which a worker's share keeps its state; no two are the same.

    A worker of all ids goes by its plain name, unless that looks like the name of a share.
    """
    if shards == 1 and not _SHARE.search(name):
        return name
    return f"{name}#{shard}/{shards}"
