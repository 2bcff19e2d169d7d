"""The async face of the embedded store: each method hops to the engine's lane at most once.

It wraps the plain `Level`. Reads of a few keys call that at once, since a hop costs more than they
do; so does a single write that need not wait for the disk, while nothing waits in the lane. The
lane does everything else. A face generated from this one would have nothing left to do, so the sync
face is the plain `Level` itself.
"""
# unasync: by hand

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Mapping
from functools import partial
from os import PathLike
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, Unpack

from datapatterns.level.engine.batch import AsyncBatch
from datapatterns.level.engine.encoding import key_list
from datapatterns.level.engine.handle import (
    DriverOptions,
    Encoding,
    Handle,
    RangeOptions,
    open_handle,
)
from datapatterns.level.engine.hooks import Hooks, Operation, announce
from datapatterns.level.engine.iterators import Fetching, Snapshot
from datapatterns.level.engine.level import Level
from datapatterns.level.engine.space import BaseSpace
from datapatterns.level.repair.recovery import Report

T = TypeVar("T")

_PAGE = 1_000  # entries fetched by one hop


class Opening:
    """A level about to be opened: await it, or enter it with `async with`."""

    def __init__(self, open: Callable[[], Handle], hooks: Hooks) -> None:
        self._open = open
        self._hooks = hooks
        self._level: AsyncLevel | None = None

    def __await__(self) -> Generator[Any, None, AsyncLevel]:
        return self._run().__await__()

    async def _run(self) -> AsyncLevel:
        opening = asyncio.get_running_loop().run_in_executor(None, self._open)
        try:
            handle = await asyncio.shield(opening)
        except asyncio.CancelledError:
            # The thread opens it all the same, and then it must be closed.
            opening.add_done_callback(_close_unwanted)
            raise
        self._level = AsyncLevel(Level(handle))
        for hook in self._hooks.postopen:
            with handle.closed_on_error("a postopen hook raised"):
                result = hook(self._level)
                if inspect.isawaitable(result):
                    await result
        return self._level

    async def __aenter__(self) -> AsyncLevel:
        return await self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._level is not None:
            await self._level.close()


def _close_unwanted(opening: asyncio.Future[Handle]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


class AsyncLevelIterator(Generic[T]):
    """An iterator over a range, as the store was when it was made; fetched in pages of 1,000."""

    def __init__(self, fetching: Fetching[T], space: BaseSpace) -> None:
        self._fetching = fetching
        self._space = space

    async def __aiter__(self) -> AsyncIterator[T]:
        while True:
            for row in self._fetching.ready:
                yield row
            if not await self._fill():
                return

    async def __anext__(self) -> T:
        for row in self._fetching.ready:
            return row
        if not await self._fill():
            raise StopAsyncIteration
        return next(self._fetching.ready)

    async def _fill(self) -> bool:
        fill = partial(self._fetching.fill, _PAGE)
        return await self._space.engine.lane.call(fill, self._space.gate)

    def seek(self, target: Any) -> None:
        """Go on at this key, or the next one in the direction of reading; past the end, end."""
        self._fetching.seek(target)

    def close(self) -> None:
        """End the iteration."""
        self._fetching.close()


class AsyncLevel:
    """`Level` for asyncio: the same methods, awaited; see there for what they promise.

    Cancelling an await neither undoes nor halves a started write.
    """

    def __init__(self, level: Level) -> None:
        """Use `AsyncLevel.open`, or `sublevel` of an open one."""
        self._level = level
        self._handle: Handle = level._handle  # pyright: ignore[reportPrivateUsage] - its other face
        self._space = self._handle.space
        self._gate = self._handle.gate
        self._lane = self._handle.engine.lane

    @property
    def hooks(self) -> Hooks:
        """The hooks of this level: plain functions, which run in the lane."""
        return self._handle.hooks

    @classmethod
    def open(
        cls,
        path: str | PathLike[str],
        *,
        key_encoding: Encoding = "utf8",
        value_encoding: Encoding = "json",
        create: bool = True,
        error_if_exists: bool = False,
        sync: bool | None = None,
        recover: bool = False,
        hooks: Hooks | None = None,
        **options: Unpack[DriverOptions],
    ) -> Opening:
        """Return the opening of the level at the path: await it, or use `async with`."""
        hooks = hooks or Hooks()
        opens = partial(
            open_handle,
            path,
            (key_encoding, value_encoding),
            {"create": create, "error_if_exists": error_if_exists, **options},
            sync=sync,
            recovering=recover,
            hooks=hooks,
        )
        return Opening(opens, hooks)

    async def get(self, key: Any, default: Any = None, *, snapshot: Snapshot | None = None) -> Any:
        """Return the value, or the default if the key is absent."""
        return self._level.get(key, default, snapshot=snapshot)

    async def get_or_raise(self, key: Any, *, snapshot: Snapshot | None = None) -> Any:
        """Return the value; raise NotFound if the key is absent."""
        return self._level.get_or_raise(key, snapshot=snapshot)

    async def has(self, key: Any, *, snapshot: Snapshot | None = None) -> bool:
        """Return whether there is such a key."""
        return self._level.has(key, snapshot=snapshot)

    async def get_many(self, keys: Iterable[Any], *, snapshot: Snapshot | None = None) -> list[Any]:
        """Return the values in the order of the keys, with None for an absent key."""
        get_many = partial(self._level.get_many, key_list(keys), snapshot=snapshot)
        return await self._lane.call(get_many, self._gate)

    async def has_many(
        self, keys: Iterable[Any], *, snapshot: Snapshot | None = None
    ) -> list[bool]:
        """Return whether there are such keys, in their order."""
        has_many = partial(self._level.has_many, key_list(keys), snapshot=snapshot)
        return await self._lane.call(has_many, self._gate)

    async def put(self, key: Any, value: Any, *, sync: bool | None = None) -> None:
        """Store the value under the key."""
        handle = self._handle
        if handle.may_write_at_once(sync):
            self._level.put(key, value, sync=sync)
        else:
            raw = [(handle.encode_key(key), handle.encode_value(value))]
            await handle.write_in_lane(raw, sync=sync)

    async def delete(self, key: Any, *, sync: bool | None = None) -> None:
        """Remove the key, whether or not it is there."""
        handle = self._handle
        if handle.may_write_at_once(sync):
            self._level.delete(key, sync=sync)
        else:
            await handle.write_in_lane([(handle.encode_key(key), None)], sync=sync)

    def batch(
        self, operations: Iterable[Mapping[str, Any]] | None = None, *, sync: bool | None = None
    ) -> AsyncBatch:
        """Return a batch: await it to store the operations, or add to it and await `write()`."""
        return AsyncBatch(self._handle, operations, sync=sync)

    def items(
        self, *, snapshot: Snapshot | None = None, **range: Unpack[RangeOptions]
    ) -> AsyncLevelIterator[tuple[Any, Any]]:
        """Iterate over keys and values: gt, gte, lt, lte, limit, reverse, snapshot."""
        return AsyncLevelIterator(self._handle.fetching(snapshot, range), self._space)

    def keys(
        self, *, snapshot: Snapshot | None = None, **range: Unpack[RangeOptions]
    ) -> AsyncLevelIterator[Any]:
        """Iterate over the keys of a range."""
        fetching = self._handle.fetching(snapshot, range, values=False)
        return AsyncLevelIterator(fetching, self._space)

    def values(
        self, *, snapshot: Snapshot | None = None, **range: Unpack[RangeOptions]
    ) -> AsyncLevelIterator[Any]:
        """Iterate over the values of a range."""
        fetching = self._handle.fetching(snapshot, range, keys=False)
        return AsyncLevelIterator(fetching, self._space)

    def snapshot(self) -> Snapshot:
        """Return a consistent view, to be given to reads and closed after use."""
        return self._level.snapshot()

    async def clear(self, **range: Unpack[RangeOptions]) -> None:
        """Remove the keys of a range (all, by default), 1,000 a step; hooks see each removal."""
        await self._lane.call(partial(self._handle.clear, range), self._gate)

    async def compact(self, **range: Unpack[RangeOptions]) -> None:
        """Let LevelDB reclaim the space of what was overwritten and removed in a range."""
        await self._lane.call(partial(self._handle.compact, range), self._gate)

    def sublevel(
        self,
        name: str,
        *,
        key_encoding: Encoding = "utf8",
        value_encoding: Encoding = "json",
        hooks: Hooks | None = None,
    ) -> AsyncLevel:
        """Return the part of this level with that name; it lives and closes with this level."""
        handle = self._handle.sublevel(name, key_encoding, value_encoding, hooks)
        level = AsyncLevel(Level(handle))
        announce(self.hooks, level)
        return level

    def on_write(self, fn: Callable[[list[Operation]], Any]) -> Callable[[], None]:
        """Call `fn(operations)` after each commit, in the thread that committed."""
        return self._handle.on_write(fn)

    async def check(self) -> Report:
        """Read everything, verifying checksums, documents, indexes and logs; return a report."""
        return await self._lane.call(self._handle.check, self._gate)

    async def close(self) -> None:
        """Wait for what is under way and close; the directory too, after its last handle."""
        await asyncio.shield(asyncio.get_running_loop().run_in_executor(None, self._handle.close))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
