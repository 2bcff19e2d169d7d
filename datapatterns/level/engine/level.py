"""The embedded store: an ordered map on disk with sublevels, batches, ranges, snapshots and hooks.

Source: the API of Node's abstract-level, whose layout of sublevels on disk is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from os import PathLike
from types import TracebackType
from typing import Any, Self, Unpack

from datapatterns.core.codecs import BINARY
from datapatterns.errors import Closed, NotFound, Unavailable
from datapatterns.level.engine.batch import Batch, encoded
from datapatterns.level.engine.driver import DriverError, reading_failed
from datapatterns.level.engine.encoding import key_list
from datapatterns.level.engine.handle import (
    DriverOptions,
    Encoding,
    Handle,
    RangeOptions,
    open_handle,
)
from datapatterns.level.engine.hooks import Hooks, Operation, announce
from datapatterns.level.engine.iterators import LevelIterator, Snapshot
from datapatterns.level.repair.recovery import Report

_MISSING: Any = object()


class Level:
    """An ordered map from keys to values in one LevelDB directory, or in a sublevel of it.

    Keys are in the order of their encoded bytes. A put is one record of LevelDB's log, and so is a
    batch: after a SIGKILL it is there whole or not at all, and certainly if it was acknowledged;
    against a loss of power only `sync=True` protects, which waits for the disk. Reads verify
    checksums. Any thread may use a level; only one process at a time may hold a directory.
    """

    def __init__(self, handle: Handle) -> None:
        """Use `Level.open`, or `sublevel` of an open one."""
        self._handle = handle
        self._space = handle.space
        # Bound once: get and put are the two hottest paths.
        self._engine, self._gate, self._busy = handle.engine, handle.gate, handle.gate.busy
        self._get, self._put = handle.engine.database.get, handle.engine.database.put
        self._encode_key, self._encode_value = handle.encode_key, handle.encode_value
        self._decode_value, self._as_it_is = handle.decode_value, handle.value_codec is BINARY
        self._sync = handle.sync

    @property
    def hooks(self) -> Hooks:
        """The hooks of this level."""
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
    ) -> Self:
        """Return the level at the path, its directory made with its parents.

        `sync` is whether every write waits for the disk; None leaves that to each pattern.
        `recover=True` first saves what can be saved of a damaged directory, beside a copy of it.
        `options` go to LevelDB: write_buffer_size, lru_cache_size, max_open_files, block_size,
        compression. Raise Locked (423), DataCorrupted, NotFound, Conflict or InvalidArgument.
        """
        handle = open_handle(
            path,
            (key_encoding, value_encoding),
            {"create": create, "error_if_exists": error_if_exists, **options},
            sync=sync,
            recovering=recover,
            hooks=hooks,
        )
        level = cls(handle)
        for hook in level.hooks.postopen:
            with handle.closed_on_error("a postopen hook raised"):
                hook(level)
        return level

    # --- one key

    def get(self, key: Any, default: Any = None, *, snapshot: Snapshot | None = None) -> Any:
        """Return the value, or the default if the key is absent."""
        raw = self._encode_key(key)
        get = self._get if snapshot is None else self._handle.reader(snapshot).get
        busy = self._busy
        busy.append(None)
        try:
            if self._gate.refusal is not None:
                raise Closed(self._gate.refusal)
            data = get(raw, verify_checksums=True)  # not through a view: the hottest path
        except DriverError as error:
            raise reading_failed(error) from error
        finally:
            busy.pop()
        if data is None:
            return default
        return data if self._as_it_is else self._decode_value(data)

    def get_or_raise(self, key: Any, *, snapshot: Snapshot | None = None) -> Any:
        """Return the value; raise NotFound if the key is absent."""
        value = self.get(key, _MISSING, snapshot=snapshot)
        if value is _MISSING:
            raise NotFound("there is no such key")
        return value

    def has(self, key: Any, *, snapshot: Snapshot | None = None) -> bool:
        """Return whether there is such a key."""
        return self._get_raw([self._encode_key(key)], snapshot)[0] is not None

    def get_many(self, keys: Iterable[Any], *, snapshot: Snapshot | None = None) -> list[Any]:
        """Return the values in the order of the keys, with None for an absent key."""
        found = self._get_raw(map(self._encode_key, key_list(keys)), snapshot)
        return [None if data is None else self._decode_value(data) for data in found]

    def has_many(self, keys: Iterable[Any], *, snapshot: Snapshot | None = None) -> list[bool]:
        """Return whether there are such keys, in their order."""
        found = self._get_raw(map(self._encode_key, key_list(keys)), snapshot)
        return [data is not None for data in found]

    def _get_raw(self, keys: Iterable[bytes], snapshot: Snapshot | None) -> list[bytes | None]:
        raws = list(keys)
        with self._gate:
            try:
                get = self._handle.view(snapshot).get
                return [get(raw) for raw in raws]
            except DriverError as error:
                raise reading_failed(error) from error

    def put(self, key: Any, value: Any, *, sync: bool | None = None) -> None:
        """Store the value under the key."""
        raw, data = self._encode_key(key), self._encode_value(value)
        engine = self._engine
        if (engine.hooks or engine.keepers or engine.watchers) and engine.observed(raw):
            self._handle.write([(raw, data)], sync=sync)
            return
        busy = self._busy
        busy.append(None)
        try:
            if self._gate.refusal is not None:
                raise Closed(self._gate.refusal)
            if engine.refusal is not None:
                raise Unavailable(engine.refusal)
            self._put(raw, data, sync=self._sync if sync is None else sync)
        except DriverError as error:
            raise engine.failed(error) from error
        finally:
            busy.pop()

    def delete(self, key: Any, *, sync: bool | None = None) -> None:
        """Remove the key, whether or not it is there."""
        self._handle.write([(self._encode_key(key), None)], sync=sync)

    # --- batches

    def batch(
        self, operations: Iterable[Mapping[str, Any]] | None = None, *, sync: bool | None = None
    ) -> Batch:
        """Store the operations in one step, or, without any, return a batch to add them to.

        An operation is `{"type": "put" or "delete", "key": …, "value": …, "sublevel": …}`.
        """
        batch = Batch(self._handle)
        if operations is not None:
            self._handle.write(encoded(self._handle, operations), sync=sync)
        return batch

    # --- ranges

    def items(
        self, *, snapshot: Snapshot | None = None, **range: Unpack[RangeOptions]
    ) -> LevelIterator[tuple[Any, Any]]:
        """Iterate over keys and values: gt, gte, lt, lte, limit, reverse, snapshot."""
        return LevelIterator(self._handle.fetching(snapshot, range))

    def keys(
        self, *, snapshot: Snapshot | None = None, **range: Unpack[RangeOptions]
    ) -> LevelIterator[Any]:
        """Iterate over the keys of a range."""
        return LevelIterator(self._handle.fetching(snapshot, range, values=False))

    def values(
        self, *, snapshot: Snapshot | None = None, **range: Unpack[RangeOptions]
    ) -> LevelIterator[Any]:
        """Iterate over the values of a range."""
        return LevelIterator(self._handle.fetching(snapshot, range, keys=False))

    def snapshot(self) -> Snapshot:
        """Return a consistent view, to be given to reads and closed after use."""
        return Snapshot(self._space)

    def clear(self, **range: Unpack[RangeOptions]) -> None:
        """Remove the keys of a range (all, by default), 1,000 a step; hooks see each removal."""
        self._handle.clear(range)

    def compact(self, **range: Unpack[RangeOptions]) -> None:
        """Let LevelDB reclaim the space of what was overwritten and removed in a range."""
        self._handle.compact(range)

    # --- sublevels, listeners, end

    def sublevel(
        self,
        name: str,
        *,
        key_encoding: Encoding = "utf8",
        value_encoding: Encoding = "json",
        hooks: Hooks | None = None,
    ) -> Level:
        """Return the part of this level with that name; it lives and closes with this level."""
        sublevel = Level(self._handle.sublevel(name, key_encoding, value_encoding, hooks))
        announce(self.hooks, sublevel)
        return sublevel

    def on_write(self, fn: Callable[[list[Operation]], Any]) -> Callable[[], None]:
        """Call `fn(operations)` after each commit below this level; return how to end that."""
        return self._handle.on_write(fn)

    def check(self) -> Report:
        """Read everything, verifying checksums, documents, indexes and logs; return a report."""
        return self._handle.check()

    def close(self) -> None:
        """Wait for what is under way and close; the directory too, after its last handle.

        A sublevel closes with the level it is of; closing it alone does nothing.
        """
        self._handle.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
