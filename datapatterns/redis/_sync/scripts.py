# Generated from datapatterns/redis/_async/scripts.py by scripts/unasync.py; do not edit.
"""Lua scripts from a folder, sent by their digest."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from redis.exceptions import NoScriptError

from datapatterns.errors import InvalidArgument, Unavailable
from datapatterns.redis._sync.commands import read, write
from datapatterns.redis._sync.pools import RedisClient


class Scripts:
    """Runs each script of a folder in one round trip, and in two when the server forgot it.

    `write(client, "move", keys, args)` runs `move.lua`:

    1. EVALSHA with the digest, so that the text does not travel.
    2. When the server answers NOSCRIPT, which it does before it runs anything, EVAL with the text:
       that runs it and keeps it. (EVALSHA, SCRIPT LOAD and EVALSHA again would be one trip more.)

    All keys of one run must be in one slot of a cluster and be given as keys. `write` sends at most
    once, as `commands` says; `read` is for a script that changes nothing. `queue` puts a script
    into a pipeline or a transaction, always as EVAL: there a NOSCRIPT would come too late, since
    the commands beside it run all the same.

    Raises our errors; what a script returns with `redis.error_reply` is translated as well.
    """

    def __init__(self, folder: str | Path) -> None:
        self._texts = {path.stem: path.read_bytes() for path in Path(folder).glob("*.lua")}
        # EVALSHA asks for SHA-1; nothing is protected by it.
        self._digests = {
            name: hashlib.sha1(text, usedforsecurity=False).hexdigest()
            for name, text in self._texts.items()
        }

    def write(
        self,
        client: RedisClient,
        name: str,
        keys: Sequence[bytes],
        args: Sequence[bytes | str | int] = (),
    ) -> Any:
        """Run a script that changes something, once, and return its reply in bytes."""
        text, digest = self._find(name)
        rest = (len(keys), *keys, *args)
        try:
            return write(client, "EVALSHA", digest, *rest, key=keys[0])
        except Unavailable as error:
            if not isinstance(error.__cause__, NoScriptError):
                raise
        return write(client, "EVAL", text, *rest, key=keys[0])

    def read(
        self,
        client: RedisClient,
        name: str,
        keys: Sequence[bytes],
        args: Sequence[bytes | str | int] = (),
    ) -> Any:
        """Run a script that changes nothing and return its reply in bytes."""
        text, digest = self._find(name)
        rest = (len(keys), *keys, *args)
        try:
            return read(client, "EVALSHA", digest, *rest)
        except Unavailable as error:
            if not isinstance(error.__cause__, NoScriptError):
                raise
        return read(client, "EVAL", text, *rest)

    def queue(
        self,
        pipeline: Any,
        name: str,
        keys: Sequence[bytes],
        args: Sequence[bytes | str | int] = (),
    ) -> None:
        """Add a script to a redis-py pipeline or transaction, whose results will have its reply."""
        text, _ = self._find(name)
        pipeline.execute_command("EVAL", text, len(keys), *keys, *args)

    def _find(self, name: str) -> tuple[bytes, str]:
        if name not in self._texts:
            raise InvalidArgument(f"there is no script {name!r} in the folder")
        return self._texts[name], self._digests[name]
