"""The steps of a changes worker's state: its position, and the changes it has given up."""

from __future__ import annotations

import struct
from itertools import islice

from datapatterns.core.changes import DeadChange
from datapatterns.core.checks import check_name, escape
from datapatterns.core.codecs import dumps, loads
from datapatterns.level.engine.keys import own_prefix, upper_bound
from datapatterns.level.engine.readers import Reader, Writer

_NUMBER = struct.Struct(">Q")


class ProgressSteps:
    """`!$checkpoints!!users!<worker>` holds a position.

    `!$dead!!users!!<worker>!` + position holds a change that was given up: `[id, attempts, error]`.
    """

    def __init__(self, namespace: bytes, collection: str) -> None:
        self._positions = namespace + own_prefix("$checkpoints", escape(collection))
        self._dead = namespace + own_prefix("$dead", escape(collection))

    def position(self, reader: Reader, worker: str) -> str | None:
        """Return the saved position, or None if none was saved."""
        data = reader.get(self._key(worker))
        return None if data is None else data.decode()

    def lowest(self, reader: Reader) -> int | None:
        """Return the lowest position that a worker has saved, or None if none has."""
        rows = reader.items(self._positions, upper_bound(self._positions))
        return min((int(value) for _, value in rows), default=None)

    def save(self, writer: Writer, worker: str, seq: str) -> None:
        """Keep the position."""
        writer.store(self._key(worker), check_name("a position", seq).encode())

    def bury(self, writer: Writer, worker: str, dead: DeadChange) -> None:
        """Keep a change that the worker has given up, once for each position."""
        key = self._dead_prefix(worker) + _NUMBER.pack(int(dead.seq))
        writer.store(key, dumps([dead.id, dead.attempts, dead.error]))

    def buried(self, reader: Reader, worker: str, limit: int) -> list[DeadChange]:
        """Return the changes given up, the oldest first."""
        prefix = self._dead_prefix(worker)
        rows = islice(reader.items(prefix, upper_bound(prefix)), limit)
        return [_dead(key[len(prefix) :], value) for key, value in rows]

    def _key(self, worker: str) -> bytes:
        return self._positions + check_name("a worker's name", worker).encode()

    def _dead_prefix(self, worker: str) -> bytes:
        return self._dead + own_prefix(escape(check_name("a worker's name", worker)))


def _dead(number: bytes, value: bytes) -> DeadChange:
    id, attempts, error = loads(value)
    return DeadChange(id, str(_NUMBER.unpack(number)[0]), attempts, error)
