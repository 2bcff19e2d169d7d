"""What a changes worker remembers in LevelDB: its position, and the changes it gave up."""

from __future__ import annotations

import struct
from collections.abc import Callable
from itertools import islice

from datapatterns.changes import DeadChange
from datapatterns.codecs import dumps, loads
from datapatterns.level.driver import Database, DriverReader, scan
from datapatterns.level.keys import upper_bound
from datapatterns.level.space import LegacySpace as Space
from datapatterns.level.transaction import Transaction
from datapatterns.names import check_name, escape

_NUMBER = struct.Struct(">Q")


class Progress:
    """Where it lies: `!$checkpoints!!users!<worker>` and `!$dead!!users!!<worker>!` + position."""

    def __init__(self, space: Space, collection: str) -> None:
        self.space = space
        self.checkpoints = space.within("$checkpoints", escape(collection)).prefix
        self._dead = space.within("$dead", escape(collection))

    def position(self, name: str) -> Callable[[DriverReader], str | None]:
        """What was saved under the worker's name."""
        key = self._key(name)

        def work(reader: DriverReader) -> str | None:
            data = reader.get(key, verify_checksums=True)
            return None if data is None else data.decode()

        return work

    def save(self, name: str, seq: str) -> Callable[[Transaction], None]:
        """Keep the position under the worker's name."""
        key, value = self._key(name), check_name("a position", seq).encode()
        return lambda transaction: transaction.store(key, value)

    def bury(self, name: str, dead: DeadChange) -> Callable[[Transaction], None]:
        """Keep a change that the worker gave up, once for each position."""
        prefix, _ = self._graves(name)
        key, value = prefix + _NUMBER.pack(int(dead.seq)), [dead.id, dead.attempts, dead.error]
        return lambda transaction: transaction.store(key, dumps(value))

    def buried(self, name: str, limit: int) -> Callable[[Database], list[DeadChange]]:
        """The changes given up, the oldest first."""
        prefix, end = self._graves(name)

        def work(database: Database) -> list[DeadChange]:
            rows = islice(scan(database, prefix, end), limit)
            return [_dead(key[len(prefix) :], value) for key, value in rows]

        return work

    def _key(self, name: str) -> bytes:
        return self.checkpoints + check_name("a worker's name", name).encode()

    def _graves(self, name: str) -> tuple[bytes, bytes]:
        prefix = self._dead.within(escape(check_name("a worker's name", name))).prefix
        return prefix, upper_bound(prefix)


def _dead(number: bytes, value: bytes) -> DeadChange:
    id, attempts, error = loads(value)
    return DeadChange(id, str(_NUMBER.unpack(number)[0]), attempts, error)


class Checkpoints:
    """The positions of workers. Saving waits for the disk."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def load(self, name: str) -> str | None:
        """Return what was saved under the name, None if nothing was."""
        return self._progress.space.read(self._progress.position(name))

    def save(self, name: str, seq: str) -> None:
        """Save the position under the name."""
        self._progress.space.write(self._progress.save(name, seq), sync=True)


class Graveyard:
    """The changes that workers gave up."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def add(self, name: str, dead: DeadChange) -> None:
        """Keep a change that the worker gave up."""
        self._progress.space.write(self._progress.bury(name, dead), sync=True)

    def list(self, name: str, limit: int) -> list[DeadChange]:
        """Return the worker's given-up changes, the oldest first."""
        return self._progress.space.read(self._progress.buried(name, limit))


class AsyncCheckpoints:
    """`Checkpoints` for asyncio."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    async def load(self, name: str) -> str | None:
        """Return what was saved under the name, None if nothing was."""
        return self._progress.space.read(self._progress.position(name))

    async def save(self, name: str, seq: str) -> None:
        """Save the position under the name."""
        await self._progress.space.write_in_lane(self._progress.save(name, seq), sync=True)


class AsyncGraveyard:
    """`Graveyard` for asyncio."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    async def add(self, name: str, dead: DeadChange) -> None:
        """Keep a change that the worker gave up."""
        await self._progress.space.write_in_lane(self._progress.bury(name, dead), sync=True)

    async def list(self, name: str, limit: int) -> list[DeadChange]:
        """Return the worker's given-up changes, the oldest first."""
        return await self._progress.space.read_in_lane(self._progress.buried(name, limit))
