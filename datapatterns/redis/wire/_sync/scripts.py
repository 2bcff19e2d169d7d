# Generated from datapatterns/redis/wire/_async/scripts.py by scripts/unasync.py; do not edit.
"""Runs the Lua scripts of a folder by their digests."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from redis.exceptions import NoScriptError

from datapatterns.errors import InvalidArgument, Unavailable
from datapatterns.redis.wire._sync.commands import read, write
from datapatterns.redis.wire._sync.pools import RedisClient
from datapatterns.redis.wire.script_files import read_scripts


class Scripts:
    """Runs each script of a folder in one round trip, or in two if the server does not have it.

    `write(client, "move", keys, args)` runs `move.lua`:

    1. EVALSHA with the digest, so that the text is not sent.
    2. If the server answers NOSCRIPT, which means that it ran nothing, EVAL with the text, which
       runs the script and stores it. (SCRIPT LOAD and a second EVALSHA would take one trip more.)

    All keys that a script uses must be given as keys, and be in one slot of a cluster. `write` runs
    a script at most once, as `commands` describes; `read` is for a script that changes nothing.
    `queue` adds a script to a pipeline or a transaction, always as EVAL: after a NOSCRIPT there,
    the other commands would have run already.

    What scripts share may stand in a file whose name begins with `_`, which is not a script itself:
    a line `-- include _clock.lua` is replaced by its text when the folder is read.

    Errors are DataErrors, also those that a script returns with `redis.error_reply`.
    """

    def __init__(self, folder: str | Path) -> None:
        self._texts = read_scripts(folder)
        # EVALSHA requires SHA-1; it serves as a name here, not for security.
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
        """Add a script to a redis-py pipeline or transaction, whose results include its reply."""
        text, _ = self._find(name)
        pipeline.execute_command("EVAL", text, len(keys), *keys, *args)

    def _find(self, name: str) -> tuple[bytes, str]:
        if name not in self._texts:
            raise InvalidArgument(f"the folder has no script {name!r}")
        return self._texts[name], self._digests[name]
