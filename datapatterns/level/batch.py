"""Batches: several puts and deletes, across sublevels, stored in one step or not at all."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, cast

from datapatterns.errors import InvalidArgument
from datapatterns.level.hooks import target, unpack_operation
from datapatterns.level.readers import Writer

if TYPE_CHECKING:
    from datapatterns.level._async.level import AsyncLevel
    from datapatterns.level.level import Level

_PUT = {"type", "key", "value"}

RawOperations = Sequence[tuple[bytes, "bytes | None"]]


def encoded(level: Level, operations: Iterable[Mapping[str, Any]]) -> RawOperations:
    """The operations as bytes, every one checked before any is stored."""
    if isinstance(operations, Mapping | str | bytes) or not isinstance(operations, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        raise InvalidArgument("a batch is a list of operations")
    raw: list[tuple[bytes, bytes | None]] = []
    for operation in operations:
        if type(operation) is dict and operation.keys() == _PUT and operation["type"] == "put":
            # What most batches are made of, without a detour.
            plain = cast("dict[str, Any]", operation)
            raw.append((level.encode_key(plain["key"]), level.encode_value(plain["value"])))
            continue
        untyped = cast("Any", operation)  # a dict of unknown types, since the test above
        sublevel, kind, key, value = unpack_operation(untyped)
        to = target(level, sublevel)
        raw.append((to.encode_key(key), to.encode_value(value) if kind == "put" else None))
    return raw


def store(writer: Writer, operations: RawOperations) -> None:
    """Write the operations in their order, through the hooks."""
    for key, value in operations:
        writer.put(key, value)


class Batch:
    """A batch in the making: `level.batch().put("a", 1).delete("b").write()`, once.

    Each call checks and encodes its operation at once, and nothing is stored before `write`.
    """

    def __init__(self, level: Level) -> None:
        self._level = level
        self._operations: list[tuple[bytes, bytes | None]] | None = []

    def __len__(self) -> int:
        return len(self._operations or ())

    def put(self, key: Any, value: Any, *, sublevel: Level | AsyncLevel | None = None) -> Self:
        """Add a put, here or in a sublevel of the same directory."""
        to = self._target(sublevel)
        self._open().append((to.encode_key(key), to.encode_value(value)))
        return self

    def delete(self, key: Any, *, sublevel: Level | AsyncLevel | None = None) -> Self:
        """Add a delete, here or in a sublevel of the same directory."""
        self._open().append((self._target(sublevel).encode_key(key), None))
        return self

    def clear(self) -> Self:
        """Forget the operations added so far."""
        self._open().clear()
        return self

    def write(self, *, sync: bool | None = None) -> None:
        """Store all of it in one step; the batch cannot be used again."""
        self._level.write_raw(self.take(), sync=sync)

    def take(self) -> RawOperations:
        """End the batch and return its operations."""
        operations, self._operations = self._open(), None
        return operations

    def _open(self) -> list[tuple[bytes, bytes | None]]:
        if self._operations is None:
            raise InvalidArgument("the batch has been written; begin a new one")
        return self._operations

    def _target(self, sublevel: Level | AsyncLevel | None) -> Level:
        return target(self._level, sublevel)


class AsyncBatch(Batch):
    """The same in the async face: adding needs no await, storing does.

    `await level.batch([...])` stores a list; `await level.batch().put(...).write()` a chain.
    """

    def __init__(
        self,
        level: Level,
        operations: Iterable[Mapping[str, Any]] | None = None,
        *,
        sync: bool | None = None,
    ) -> None:
        super().__init__(level)
        self._sync = sync
        if operations is not None:
            self._open().extend(encoded(level, operations))

    def __await__(self) -> Generator[Any, None, None]:
        return self.write().__await__()

    async def write(self, *, sync: bool | None = None) -> None:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride] - the faces differ in this one method
        """Store all of it in one step; the batch cannot be used again."""
        wait = self._sync if sync is None else sync
        await self._level.write_raw_in_lane(self.take(), sync=wait)
