"""A counter in LevelDB."""

from __future__ import annotations

from collections.abc import Callable

from datapatterns.checks import Duration
from datapatterns.errors import DataCorrupted, InvalidArgument
from datapatterns.integers import INT64_MAX, INT64_MIN, check_seconds, check_step, microseconds
from datapatterns.level.driver import Reader
from datapatterns.level.expiry import Expiring, now
from datapatterns.level.space import HasSpace
from datapatterns.level.transaction import Transaction
from datapatterns.names import check_name


class _Counter:
    """What both faces are made of."""

    def __init__(self, client: HasSpace, name: str, *, op_ttl: Duration = 3600.0) -> None:
        self._space = client.space
        name = check_name("a counter's name", name)
        self._key = self._space.within("$counters").prefix + name.encode()
        # The name's length keeps two counters' operations apart, whatever their names.
        operations = self._space.within("$counted").prefix + b"%d:" % len(name.encode())
        self._operations = Expiring(self._space, operations + name.encode())
        self._ttl = microseconds(check_seconds("op_ttl", op_ttl))

    def _add(self, by: int, op_id: str | None) -> Callable[[Transaction], int]:
        operation = None if op_id is None else check_name("an op_id", op_id).encode()

        def work(transaction: Transaction) -> int:
            at = now()
            if operation is not None:
                known = self._operations.get(transaction.get, operation, at)
                if known is not None:
                    return int(known)
            value = _number(transaction.get(self._key)) + by
            if not INT64_MIN <= value <= INT64_MAX:
                raise InvalidArgument("the counter would leave 64 bits")
            transaction.store(self._key, b"%d" % value)
            if operation is not None:
                self._operations.put(transaction, operation, b"%d" % value, at, at + self._ttl)
            return value

        return work

    def _value(self, reader: Reader) -> int:
        return _number(reader.get(self._key, verify_checksums=True))

    def _reset(self, transaction: Transaction) -> int:
        value = _number(transaction.get(self._key))
        transaction.store(self._key, None)
        return value


class Counter(_Counter):
    """A signed 64-bit integer that any number of callers change at once without losing a step.

    Reading, adding and writing are one step under the engine's write lock; LevelDB has no merge.
    With an `op_id` the result is kept in the same batch for `op_ttl` seconds, and a repeated call
    returns it and adds nothing. Costs one write; waiting calls share one. Past 64 bits it is
    InvalidArgument, and nothing changes.
    """

    def increment(self, by: int = 1, *, op_id: str | None = None) -> int:
        """Add and return the new value; the same `op_id` adds once."""
        return self._space.write(self._add(check_step(by), op_id))

    def decrement(self, by: int = 1, *, op_id: str | None = None) -> int:
        """Subtract and return the new value; the same `op_id` subtracts once."""
        return self._space.write(self._add(-check_step(by), op_id))

    def value(self) -> int:
        """Return the value, 0 if there is none."""
        return self._space.read(self._value)

    def reset(self) -> int:
        """Set 0 and return what was there, in one step."""
        return self._space.write(self._reset)


class AsyncCounter(_Counter):
    """`Counter` for asyncio: the same methods, awaited."""

    async def increment(self, by: int = 1, *, op_id: str | None = None) -> int:
        """Add and return the new value; the same `op_id` adds once."""
        return await self._space.write_in_lane(self._add(check_step(by), op_id))

    async def decrement(self, by: int = 1, *, op_id: str | None = None) -> int:
        """Subtract and return the new value; the same `op_id` subtracts once."""
        return await self._space.write_in_lane(self._add(-check_step(by), op_id))

    async def value(self) -> int:
        """Return the value, 0 if there is none."""
        return self._space.read(self._value)

    async def reset(self) -> int:
        """Set 0 and return what was there, in one step."""
        return await self._space.write_in_lane(self._reset)


def _number(data: bytes | None) -> int:
    try:
        return 0 if data is None else int(data)
    except ValueError as error:
        raise DataCorrupted("a counter holds something that is no number") from error
