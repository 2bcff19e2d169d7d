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
from typing import Any, Generic, Self, TypeVar

from datapatterns.level.batch import AsyncBatch
from datapatterns.level.encoding import key_list
from datapatterns.level.entries import Entries, Snapshot
from datapatterns.level.hooks import Hooks, Operation
from datapatterns.level.level import Encoding, Level
from datapatterns.level.recovery import Report
from datapatterns.level.space import LegacySpace as Space

T = TypeVar("T")

_PAGE = 1_000  # entries fetched by one hop


class Opening:
    """A level about to be opened: await it, or enter it with `async with`."""

    def __init__(self, open: Callable[[], Level], hooks: Hooks) -> None:
        self._open = open
        self._hooks = hooks
        self._level: AsyncLevel | None = None

    def __await__(self) -> Generator[Any, None, AsyncLevel]:
        return self._run().__await__()

    async def _run(self) -> AsyncLevel:
        opening = asyncio.get_running_loop().run_in_executor(None, self._open)
        try:
            level = await asyncio.shield(opening)
        except asyncio.CancelledError:
            # The thread opens it all the same; nobody would ever close it.
            opening.add_done_callback(_close_unwanted)
            raise
        self._level = AsyncLevel(level)
        for hook in self._hooks.postopen:
            with level.closed_on_error("a postopen hook raised"):
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


def _close_unwanted(opening: asyncio.Future[Level]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


class AsyncEntries(Generic[T]):
    """An iterator over a range, as the store was when it was made; fetched in pages of 1,000."""

    def __init__(self, entries: Entries[T], space: Space) -> None:
        self._entries = entries
        self._space = space

    async def __aiter__(self) -> AsyncIterator[T]:
        while True:
            for entry in self._entries.ready:
                yield entry
            if not await self._fill():
                return

    async def __anext__(self) -> T:
        for entry in self._entries.ready:
            return entry
        if not await self._fill():
            raise StopAsyncIteration
        return next(self._entries.ready)

    async def _fill(self) -> bool:
        fill = partial(self._entries.fill, _PAGE)
        return await self._space.engine.lane.call(fill, self._space.gate)

    def seek(self, target: Any) -> None:
        """Go on at this key, or the next one in the direction of reading; past the end, end."""
        self._entries.seek(target)

    def close(self) -> None:
        """End the iteration."""
        self._entries.close()


class AsyncLevel:
    """`Level` for asyncio: the same methods, awaited; see there for what they promise.

    Cancelling an await neither undoes nor halves a started write.
    """

    def __init__(self, level: Level) -> None:
        """Use `AsyncLevel.open`, or `sublevel` of an open one."""
        self._level = level
        self._lane = level.space.engine.lane

    @property
    def space(self) -> Space:
        """Where this level lies, for the patterns."""
        return self._level.space

    @property
    def hooks(self) -> Hooks:
        """The hooks of this level: plain functions, which run in the lane."""
        return self._level.hooks

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
        **options: Any,
    ) -> Opening:
        """Return the opening of the level at the path: await it, or use `async with`."""
        hooks = hooks or Hooks()
        opens = partial(
            Level.open_unhooked,
            path,
            (key_encoding, value_encoding),
            {"create": create, "error_if_exists": error_if_exists, **options},
            sync=sync,
            recovering=recover,
            hooks=hooks,
        )
        return Opening(opens, hooks)

    async def get(self, key: Any, default: Any = None, *, snapshot: Snapshot | None = None) -> Any:
        """Return the value, or the default if there is none."""
        return self._level.get(key, default, snapshot=snapshot)

    async def get_or_raise(self, key: Any, *, snapshot: Snapshot | None = None) -> Any:
        """Return the value; NotFound if there is none."""
        return self._level.get_or_raise(key, snapshot=snapshot)

    async def has(self, key: Any, *, snapshot: Snapshot | None = None) -> bool:
        """Return whether there is such a key."""
        return self._level.has(key, snapshot=snapshot)

    async def get_many(self, keys: Iterable[Any], *, snapshot: Snapshot | None = None) -> list[Any]:
        """Return the values in the order of the keys, None where there is none."""
        get_many = partial(self._level.get_many, key_list(keys), snapshot=snapshot)
        return await self._lane.call(get_many, self.space.gate)

    async def has_many(
        self, keys: Iterable[Any], *, snapshot: Snapshot | None = None
    ) -> list[bool]:
        """Return whether there are such keys, in their order."""
        has_many = partial(self._level.has_many, key_list(keys), snapshot=snapshot)
        return await self._lane.call(has_many, self.space.gate)

    async def put(self, key: Any, value: Any, *, sync: bool | None = None) -> None:
        """Store the value under the key."""
        level = self._level
        if level.inline(sync):
            level.put(key, value, sync=sync)
        else:
            raw = [(level.encode_key(key), level.encode_value(value))]
            await level.write_raw_in_lane(raw, sync=sync)

    async def delete(self, key: Any, *, sync: bool | None = None) -> None:
        """Remove the key, whether or not it is there."""
        level = self._level
        if level.inline(sync):
            level.delete(key, sync=sync)
        else:
            await level.write_raw_in_lane([(level.encode_key(key), None)], sync=sync)

    def batch(
        self, operations: Iterable[Mapping[str, Any]] | None = None, *, sync: bool | None = None
    ) -> AsyncBatch:
        """Return a batch: await it to store the operations, or add to it and await `write()`."""
        return AsyncBatch(self._level, operations, sync=sync)

    def items(
        self, *, snapshot: Snapshot | None = None, **range: Any
    ) -> AsyncEntries[tuple[Any, Any]]:
        """Iterate over keys and values: gt, gte, lt, lte, limit, reverse, snapshot."""
        return AsyncEntries(self._level.items(snapshot=snapshot, **range), self.space)

    def keys(self, *, snapshot: Snapshot | None = None, **range: Any) -> AsyncEntries[Any]:
        """Iterate over the keys of a range."""
        return AsyncEntries(self._level.keys(snapshot=snapshot, **range), self.space)

    def values(self, *, snapshot: Snapshot | None = None, **range: Any) -> AsyncEntries[Any]:
        """Iterate over the values of a range."""
        return AsyncEntries(self._level.values(snapshot=snapshot, **range), self.space)

    def snapshot(self) -> Snapshot:
        """Return a consistent view, to be given to reads and closed after use."""
        return self._level.snapshot()

    async def clear(self, **range: Any) -> None:
        """Remove the keys of a range (all, by default), 1,000 a step; hooks see each removal."""
        await self._lane.call(partial(self._level.clear, **range), self.space.gate)

    async def compact(self, **range: Any) -> None:
        """Let LevelDB reclaim the space of what was overwritten and removed in a range."""
        await self._lane.call(partial(self._level.compact, **range), self.space.gate)

    def sublevel(
        self,
        name: str,
        *,
        key_encoding: Encoding = "utf8",
        value_encoding: Encoding = "json",
        hooks: Hooks | None = None,
    ) -> AsyncLevel:
        """Return the part of this level with that name; it lives and closes with this level."""
        sublevel = self._level.make_sublevel(name, key_encoding, value_encoding, hooks)
        level = AsyncLevel(sublevel)
        self.hooks.announce(level)
        return level

    def beside(self, other: Level) -> Level:
        """Return the plain level; InvalidArgument unless the other is of the same directory."""
        return self._level.beside(other)

    def on_write(self, fn: Callable[[list[Operation]], Any]) -> Callable[[], None]:
        """Call `fn(operations)` after each commit, in the thread that committed."""
        return self._level.on_write(fn)

    async def check(self) -> Report:
        """Read everything, verifying checksums, documents, indexes and logs; return a report."""
        return await self._lane.call(self._level.check, self.space.gate)

    async def close(self) -> None:
        """Wait for what is under way and close; the directory too, after its last handle."""
        await asyncio.shield(asyncio.get_running_loop().run_in_executor(None, self._level.close))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
