"""Batches: several puts and deletes, across sublevels, stored in one step or not at all."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self, cast

from datapatterns.errors import InvalidArgument
from datapatterns.level.engine.hooks import target, unpack_operation
from datapatterns.level.engine.raw import RawOperations

if TYPE_CHECKING:
    from datapatterns.level._async.level import AsyncLevel
    from datapatterns.level.engine.handle import Handle
    from datapatterns.level.engine.level import Level

_PUT = {"type", "key", "value"}


def encoded(handle: Handle, operations: Iterable[Mapping[str, Any]]) -> RawOperations:
    """Return the operations as bytes; check every one of them before any is stored."""
    if isinstance(operations, Mapping | str | bytes) or not isinstance(operations, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        raise InvalidArgument("a batch is a list of operations")
    raw: list[tuple[bytes, bytes | None]] = []
    for operation in operations:
        if type(operation) is dict and operation.keys() == _PUT and operation["type"] == "put":
            # Most operations are plain puts: they take the short way.
            plain = cast("dict[str, Any]", operation)
            raw.append((handle.encode_key(plain["key"]), handle.encode_value(plain["value"])))
            continue
        untyped = cast("Any", operation)  # a dict of unknown types, since the test above
        sublevel, kind, key, value = unpack_operation(untyped)
        to = target(handle, sublevel)
        raw.append((to.encode_key(key), to.encode_value(value) if kind == "put" else None))
    return raw


class Batch:
    """Puts and deletes to be stored together: `level.batch().put("a", 1).delete("b").write()`.

    Each call checks and encodes its operation at once, and nothing is stored before `write`, which
    can be called once.
    """

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._operations: list[tuple[bytes, bytes | None]] | None = []

    def __len__(self) -> int:
        return len(self._operations or ())

    def put(self, key: Any, value: Any, *, sublevel: Level | AsyncLevel | None = None) -> Self:
        """Add a put, here or in a sublevel of the same directory."""
        to = target(self._handle, sublevel)
        self._open().append((to.encode_key(key), to.encode_value(value)))
        return self

    def delete(self, key: Any, *, sublevel: Level | AsyncLevel | None = None) -> Self:
        """Add a delete, here or in a sublevel of the same directory."""
        self._open().append((target(self._handle, sublevel).encode_key(key), None))
        return self

    def clear(self) -> Self:
        """Forget the operations added so far."""
        self._open().clear()
        return self

    def write(self, *, sync: bool | None = None) -> None:
        """Store all of it in one step; the batch cannot be used again."""
        self._handle.write(self._take(), sync=sync)

    def _take(self) -> RawOperations:
        """End the batch and return its operations."""
        operations, self._operations = self._open(), None
        return operations

    def _open(self) -> list[tuple[bytes, bytes | None]]:
        if self._operations is None:
            raise InvalidArgument("the batch has been written; begin a new one")
        return self._operations


class AsyncBatch(Batch):
    """The same in the async face: adding needs no await, storing does.

    `await level.batch([...])` stores a list; `await level.batch().put(...).write()` a chain.
    """

    def __init__(
        self,
        handle: Handle,
        operations: Iterable[Mapping[str, Any]] | None = None,
        *,
        sync: bool | None = None,
    ) -> None:
        super().__init__(handle)
        self._sync = sync
        if operations is not None:
            self._open().extend(encoded(handle, operations))

    def __await__(self) -> Generator[Any, None, None]:
        return self.write().__await__()

    async def write(self, *, sync: bool | None = None) -> None:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride] - the faces differ in this one method
        """Store all of it in one step; the batch cannot be used again."""
        wait = self._sync if sync is None else sync
        await self._handle.write_in_lane(self._take(), sync=wait)
