"""The embedded store: an ordered map on disk with sublevels, batches, ranges, snapshots and hooks.

Source: the API of Node's abstract-level, whose layout of sublevels on disk is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import replace
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from datapatterns.codecs import BINARY, Codec, codec
from datapatterns.errors import (
    Closed,
    DataError,
    HookFailed,
    InvalidArgument,
    NotFound,
    Unavailable,
)
from datapatterns.level import encoding, registry
from datapatterns.level.batch import Batch, RawOperations, encoded, store
from datapatterns.level.driver import Database, DriverError, reading_failed
from datapatterns.level.engine import Gate
from datapatterns.level.entries import Entries, Range, Snapshot, make_range
from datapatterns.level.hooks import Hooks, Operation
from datapatterns.level.keys import is_own, sublevel_prefix
from datapatterns.level.lane import PendingWrite
from datapatterns.level.recovery import Report, check, recover
from datapatterns.level.space import LegacySpace as Space

Encoding = str | Codec

_MISSING: Any = object()
_OWN_BATCH = 16  # operations from which a batch in the lane is not merged with others
_CLEAR = 1_000  # keys that clear() removes in one step


class Level:
    """An ordered map from keys to values in one LevelDB directory, or in a sublevel of it.

    Keys are in the order of their encoded bytes. A put is one record of LevelDB's log, and so is a
    batch: after a SIGKILL it is there whole or not at all, and certainly if it was acknowledged;
    against a loss of power only `sync=True` protects, which waits for the disk. Reads verify
    checksums. Any thread may use a level; only one process at a time may hold a directory.
    """

    def __init__(
        self, space: Space, key_encoding: Encoding, value_encoding: Encoding, hooks: Hooks
    ) -> None:
        """Use `Level.open`, or `sublevel` of an open one."""
        self.space = space
        self.hooks = hooks
        self.key_codec, self.value_codec = codec(key_encoding), codec(value_encoding)
        self.encode_key = encoding.key_encoder(self.key_codec, space.prefix)
        self.encode_value = encoding.value_encoder(self.value_codec)
        self.decode_key = encoding.decoder(self.key_codec, "key", len(space.prefix))
        self.decode_value = encoding.decoder(self.value_codec, "value")
        # Bound once: get and put are the two hottest paths.
        self._engine, self._gate, self._busy = space.engine, space.gate, space.gate.busy
        self._get, self._put = space.engine.database.get, space.engine.database.put
        self._sync, self._as_it_is = bool(space.sync), self.value_codec is BINARY
        hooks.prewrite.attach(self)

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
    ) -> Self:
        """Return the level at the path, its directory made with its parents.

        `sync` is whether every write waits for the disk; None leaves that to each pattern.
        `recover=True` first saves what can be saved of a damaged directory, beside a copy of it.
        `options` go to LevelDB: write_buffer_size, lru_cache_size, max_open_files, block_size,
        compression. Raises Locked (423), DataCorrupted, NotFound, Conflict or InvalidArgument.
        """
        level = cls.open_unhooked(
            path,
            (key_encoding, value_encoding),
            {"create": create, "error_if_exists": error_if_exists, **options},
            sync=sync,
            recovering=recover,
            hooks=hooks,
        )
        for hook in level.hooks.postopen:
            with level.closed_on_error("a postopen hook raised"):
                hook(level)
        return level

    @classmethod
    def open_unhooked(
        cls,
        path: str | PathLike[str],
        encodings: tuple[Encoding, Encoding],
        options: Mapping[str, Any],
        *,
        sync: bool | None,
        recovering: bool,
        hooks: Hooks | None,
    ) -> Self:
        """Open without the postopen hooks, which the two faces call in their own ways."""
        for name in encodings:
            codec(name)  # refused before a directory is made
        if not isinstance(path, str | PathLike) or not str(path):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
            raise InvalidArgument("the path of a LevelDB is a non-empty string or a Path")
        if recovering:
            recover(Path(path))
        engine = registry.acquire(Path(path), **options)
        gate = Gate()
        engine.gates.add(gate)
        return cls(Space(engine, gate, sync=sync), *encodings, hooks or Hooks())

    # --- one key

    def get(self, key: Any, default: Any = None, *, snapshot: Snapshot | None = None) -> Any:
        """Return the value, or the default if there is none."""
        raw = self.encode_key(key)
        get = self._get if snapshot is None else snapshot.reader(self.space).get
        busy = self._busy
        busy.append(None)
        try:
            if self._gate.refusal is not None:
                raise Closed(self._gate.refusal)
            data = get(raw, verify_checksums=True)
        except DriverError as error:
            raise reading_failed(error) from error
        finally:
            busy.pop()
        if data is None:
            return default
        return data if self._as_it_is else self.decode_value(data)

    def get_or_raise(self, key: Any, *, snapshot: Snapshot | None = None) -> Any:
        """Return the value; NotFound if there is none."""
        value = self.get(key, _MISSING, snapshot=snapshot)
        if value is _MISSING:
            raise NotFound("there is no such key")
        return value

    def has(self, key: Any, *, snapshot: Snapshot | None = None) -> bool:
        """Return whether there is such a key."""
        return self._get_raw([self.encode_key(key)], snapshot)[0] is not None

    def get_many(self, keys: Iterable[Any], *, snapshot: Snapshot | None = None) -> list[Any]:
        """Return the values in the order of the keys, None where there is none."""
        found = self._get_raw(map(self.encode_key, encoding.key_list(keys)), snapshot)
        return [None if data is None else self.decode_value(data) for data in found]

    def has_many(self, keys: Iterable[Any], *, snapshot: Snapshot | None = None) -> list[bool]:
        """Return whether there are such keys, in their order."""
        found = self._get_raw(map(self.encode_key, encoding.key_list(keys)), snapshot)
        return [data is not None for data in found]

    def _get_raw(self, keys: Iterable[bytes], snapshot: Snapshot | None) -> list[bytes | None]:
        raws = list(keys)

        def read(database: Database) -> list[bytes | None]:
            reader = database if snapshot is None else snapshot.reader(self.space)
            return [reader.get(raw, verify_checksums=True) for raw in raws]

        return self.space.read(read)

    def put(self, key: Any, value: Any, *, sync: bool | None = None) -> None:
        """Store the value under the key."""
        raw, data = self.encode_key(key), self.encode_value(value)
        engine = self._engine
        if (engine.hooks or engine.keepers or engine.watchers) and engine.observed(raw):
            self.write_raw([(raw, data)], sync=sync)
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
        self.write_raw([(self.encode_key(key), None)], sync=sync)

    # --- batches

    def batch(
        self, operations: Iterable[Mapping[str, Any]] | None = None, *, sync: bool | None = None
    ) -> Batch:
        """Store the operations in one step, or, without any, return a batch to add them to.

        An operation is `{"type": "put" or "delete", "key": …, "value": …, "sublevel": …}`.
        """
        batch = Batch(self)
        if operations is not None:
            self.write_raw(encoded(self, operations), sync=sync)
        return batch

    def write_raw(self, operations: RawOperations, *, sync: bool | None = None) -> None:
        """Store encoded operations in one step."""
        engine = self._engine
        wait = self._sync if sync is None else sync
        with self._gate:
            if engine.observes(operations):
                engine.write(store, operations, sync=wait)
                return
            engine.store(operations, sync=wait)

    async def write_raw_in_lane(
        self, operations: RawOperations, *, sync: bool | None = None
    ) -> None:
        """Store encoded operations in one step, in the lane."""
        engine = self._engine
        wait = self._sync if sync is None else sync
        if len(operations) < _OWN_BATCH or engine.observes(operations):
            write = PendingWrite(store, (operations,), sync=wait)
            await engine.lane.write(write, self._gate)
        else:
            with self._gate:
                prepared = engine.prepare(operations, sync=wait)
            await engine.lane.call(prepared, self._gate)

    def inline(self, sync: bool | None) -> bool:
        """Whether the async face may do a single write here and now, without its lane."""
        return not (self._sync if sync is None else sync) and not self._engine.lane.waiting

    # --- ranges

    def items(self, *, snapshot: Snapshot | None = None, **range: Any) -> Entries[tuple[Any, Any]]:
        """Iterate over keys and values: gt, gte, lt, lte, limit, reverse, snapshot."""
        return self._entries(snapshot, range)

    def keys(self, *, snapshot: Snapshot | None = None, **range: Any) -> Entries[Any]:
        """Iterate over the keys of a range."""
        return self._entries(snapshot, range, values=False)

    def values(self, *, snapshot: Snapshot | None = None, **range: Any) -> Entries[Any]:
        """Iterate over the values of a range."""
        return self._entries(snapshot, range, keys=False)

    def _entries(
        self,
        snapshot: Snapshot | None,
        options: dict[str, Any],
        *,
        keys: bool = True,
        values: bool = True,
    ) -> Entries[Any]:
        reader = self._engine.database if snapshot is None else snapshot.reader(self.space)
        encode = encoding.bound_encoder(self.key_codec, self.space.prefix)
        range = self._range(options)
        decode = self._row_decoder(keys, values)
        return Entries(self.space, reader, range, decode, encode, keys=keys, values=values)

    def _range(self, options: dict[str, Any]) -> Range:
        encode = encoding.bound_encoder(self.key_codec, self.space.prefix)
        try:
            return make_range(self.space.prefix, encode, **options)
        except TypeError as error:
            raise InvalidArgument("a range takes gt, gte, lt, lte, limit and reverse") from error

    def _row_decoder(self, keys: bool, values: bool) -> Callable[[Any], Any] | None:
        """From what the driver gives to an entry; None where that is the entry."""
        if not self.space.prefix and self.key_codec is self.value_codec is BINARY:
            return None
        if not (keys and values):
            return self.decode_key if keys else self.decode_value
        key, value = self.decode_key, self.decode_value
        return lambda row: (key(row[0]), value(row[1]))

    def snapshot(self) -> Snapshot:
        """Return a consistent view, to be given to reads and closed after use."""
        return Snapshot(self.space)

    def clear(self, **range: Any) -> None:
        """Remove the keys of a range (all, by default), 1,000 a step; hooks see each removal."""
        keys = Entries[bytes](
            self.space, self._engine.database, self._range(range), None, bytes, values=False
        )
        with keys:
            while keys.fill(_CLEAR):
                removals: RawOperations = [(raw, None) for raw in keys.ready]
                self.write_raw(removals)

    def compact(self, **range: Any) -> None:
        """Let LevelDB reclaim the space of what was overwritten and removed in a range."""
        bounds = self._range(range)
        stop = b"\xff" * 64 if bounds.lt is None else bounds.lt
        self.space.read(lambda database: database.compact_range(start=bounds.gte, stop=stop))

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
        sublevel = self.make_sublevel(name, key_encoding, value_encoding, hooks)
        self.hooks.announce(sublevel)
        return sublevel

    def make_sublevel(
        self, name: str, key_encoding: Encoding, value_encoding: Encoding, hooks: Hooks | None
    ) -> Level:
        """Make a sublevel without the newsublevel hooks, which each face calls with its own."""
        space = replace(self.space, prefix=self.space.prefix + sublevel_prefix(name))
        return Level(space, key_encoding, value_encoding, hooks or Hooks())

    def beside(self, other: Level) -> Level:
        """Return this level; InvalidArgument unless the other one is of the same directory."""
        if self.space.engine is not other.space.engine:
            raise InvalidArgument("the sublevel belongs to another LevelDB")
        return self

    def on_write(self, fn: Callable[[list[Operation]], Any]) -> Callable[[], None]:
        """Call `fn(operations)` after each commit below this level; return how to end that."""

        def heard(writes: dict[bytes, bytes | None]) -> None:
            operations = [
                Operation(self, *write) for write in writes.items() if not is_own(write[0])
            ]
            if operations:
                fn(operations)

        unwatch = self._engine.watch(self.space.prefix, heard)
        self._gate.at_shut.append(unwatch)
        return unwatch

    def check(self) -> Report:
        """Read everything, verifying checksums, documents, indexes and logs; return a report."""
        return self.space.read(lambda _: check(self._engine))

    def close(self) -> None:
        """Wait for what is under way and close; the directory too, after its last handle.

        A sublevel closes with the level it is of; closing it alone does nothing.
        """
        gate = self._gate
        if self.space.prefix or not gate.usable:
            return
        with gate.closing:
            if not gate.released:
                gate.shut()
                gate.released = True
                registry.release(self._engine)

    @contextmanager
    def closed_on_error(self, message: str) -> Generator[None]:
        """Close again when what was to follow the opening fails; HookFailed, or our own error."""
        try:
            yield
        except BaseException as error:
            self.close()
            if isinstance(error, DataError) or not isinstance(error, Exception):
                raise
            raise HookFailed(message) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
