"""What the two faces of a level have in common: a space with its encodings and hooks.

`Level` and `AsyncLevel` show public methods only. What the rest of the package needs of them is
here, and `handle_of` gives it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any, TypedDict

from datapatterns.core.codecs import BINARY, Codec, codec
from datapatterns.errors import DataError, HookFailed, InvalidArgument
from datapatterns.level.engine import encoding, registry
from datapatterns.level.engine.driver import DriverReader
from datapatterns.level.engine.engine import Gate
from datapatterns.level.engine.hooks import Hooks, Operation
from datapatterns.level.engine.iterators import Fetching, Range, Snapshot, make_range, reader_of
from datapatterns.level.engine.keys import is_own, sublevel_prefix
from datapatterns.level.engine.lane import PendingWrite
from datapatterns.level.engine.raw import RawOperations, store
from datapatterns.level.engine.readers import View
from datapatterns.level.engine.space import Space
from datapatterns.level.engine.transaction import RawWrite
from datapatterns.level.repair.recovery import Report, check, recover

Encoding = str | Codec

_OWN_BATCH = 16  # operations from which a batch in the lane is not merged with others
_CLEAR = 1_000  # keys that `clear` removes in one step


class RangeOptions(TypedDict, total=False):
    """The bounds of a range: `gt` or `gte`, `lt` or `lte`, and how to go through it."""

    gt: Any
    gte: Any
    lt: Any
    lte: Any
    limit: int | None
    reverse: bool


class DriverOptions(TypedDict, total=False):
    """LevelDB's own options for opening a directory."""

    write_buffer_size: int
    lru_cache_size: int
    max_open_files: int
    block_size: int
    compression: str | None


class Handle:
    """The space of a level, from keys and values to bytes and back, and the level's hooks."""

    def __init__(
        self, space: Space, key_encoding: Encoding, value_encoding: Encoding, hooks: Hooks
    ) -> None:
        self.space, self.hooks = space, hooks
        self.engine, self.gate = space.engine, space.gate
        self.sync = bool(space.sync)
        self.key_codec, self.value_codec = codec(key_encoding), codec(value_encoding)
        self.encode_key = encoding.key_encoder(self.key_codec, space.prefix)
        self.encode_bound = encoding.bound_encoder(self.key_codec, space.prefix)
        self.encode_value = encoding.value_encoder(self.value_codec)
        self.decode_key = encoding.decoder(self.key_codec, "key", len(space.prefix))
        self.decode_value = encoding.decoder(self.value_codec, "value")
        hooks.prewrite._attach(self)  # pyright: ignore[reportPrivateUsage] - users do not call it

    def beside(self, other: Handle) -> Handle:
        """Return this handle; raise InvalidArgument unless the other has the same directory."""
        if self.engine is not other.engine:
            raise InvalidArgument("the sublevel belongs to another LevelDB")
        return self

    # --- writing

    def write(self, operations: RawOperations, *, sync: bool | None = None) -> None:
        """Store encoded operations in one step."""
        wait = self.sync if sync is None else sync
        with self.gate:
            if self.engine.observes(operations):
                self.engine.write(store, operations, sync=wait)
            else:
                self.engine.store(operations, sync=wait)

    async def write_in_lane(self, operations: RawOperations, *, sync: bool | None = None) -> None:
        """Store encoded operations in one step, in the lane."""
        engine = self.engine
        wait = self.sync if sync is None else sync
        if len(operations) < _OWN_BATCH or engine.observes(operations):
            await engine.lane.write(PendingWrite(store, (operations,), sync=wait), self.gate)
        else:
            with self.gate:
                prepared = engine.prepare(operations, sync=wait)
            await engine.lane.call(prepared, self.gate)

    def may_write_at_once(self, sync: bool | None) -> bool:
        """Return whether the async face may make a single write without its lane."""
        return not (self.sync if sync is None else sync) and not self.engine.lane.waiting

    def clear(self, options: RangeOptions) -> None:
        """Remove the keys of a range, 1,000 a step; hooks see each removal."""
        range = self.range(options)
        keys = Fetching[bytes](self.space, self.engine.database, range, None, bytes, values=False)
        try:
            while keys.fill(_CLEAR):
                removals: RawOperations = [(raw, None) for raw in keys.ready]
                self.write(removals)
        finally:
            keys.close()

    # --- reading

    def reader(self, snapshot: Snapshot | None) -> DriverReader:
        """Return the snapshot's reader, or the database without one."""
        return self.engine.database if snapshot is None else reader_of(snapshot, self.space)

    def view(self, snapshot: Snapshot | None) -> View:
        """Return what reads the snapshot, or the database without one."""
        return self.engine.view if snapshot is None else View(reader_of(snapshot, self.space))

    def range(self, options: RangeOptions) -> Range:
        """Return the range; raise InvalidArgument for options that it does not have."""
        try:
            return make_range(self.space.prefix, self.encode_bound, **options)
        except TypeError as error:
            raise InvalidArgument("a range takes gt, gte, lt, lte, limit and reverse") from error

    def fetching(
        self,
        snapshot: Snapshot | None,
        options: RangeOptions,
        *,
        keys: bool = True,
        values: bool = True,
    ) -> Fetching[Any]:
        """Begin to read the rows of a range."""
        return Fetching(
            self.space,
            self.reader(snapshot),
            self.range(options),
            self._row_decoder(keys, values),
            self.encode_bound,
            keys=keys,
            values=values,
        )

    def _row_decoder(self, keys: bool, values: bool) -> Callable[[Any], Any] | None:
        """Return what decodes a row of the driver, or None where nothing has to be done."""
        if not self.space.prefix and self.key_codec is self.value_codec is BINARY:
            return None
        if not (keys and values):
            return self.decode_key if keys else self.decode_value
        key, value = self.decode_key, self.decode_value
        return lambda row: (key(row[0]), value(row[1]))

    # --- sublevels, listeners, end

    def sublevel(
        self, name: str, key_encoding: Encoding, value_encoding: Encoding, hooks: Hooks | None
    ) -> Handle:
        """Return the handle of a sublevel; each face calls the newsublevel hooks with its own."""
        space = replace(self.space, prefix=self.space.prefix + sublevel_prefix(name))
        return Handle(space, key_encoding, value_encoding, hooks or Hooks())

    def on_write(self, fn: Callable[[list[Operation]], Any]) -> Callable[[], None]:
        """Call `fn(operations)` after each commit; return a function that ends this."""

        def heard(writes: dict[bytes, bytes | None]) -> None:
            operations = [
                Operation(self, RawWrite(*write))
                for write in writes.items()
                if not is_own(write[0])
            ]
            if operations:
                fn(operations)

        unwatch = self.engine.watch(self.space.prefix, heard)
        self.gate.at_shut.append(unwatch)
        return unwatch

    def compact(self, options: RangeOptions) -> None:
        """Let LevelDB reclaim the space of what was overwritten and removed in a range."""
        bounds = self.range(options)
        stop = b"\xff" * 64 if bounds.lt is None else bounds.lt
        with self.space.reading():
            self.engine.database.compact_range(start=bounds.gte, stop=stop)

    def check(self) -> Report:
        """Read everything and compare documents, indexes and change logs."""
        with self.space.reading():
            return check(self.engine)

    def close(self) -> None:
        """Wait for what is under way and close; the directory too, after its last handle.

        A sublevel closes with the level it is of; closing it alone does nothing.
        """
        gate = self.gate
        if self.space.prefix or not gate.usable:
            return
        with gate.closing:
            if not gate.released:
                gate.shut()
                gate.released = True
                registry.release(self.engine)

    @contextmanager
    def closed_on_error(self, message: str) -> Generator[None]:
        """Close if what follows the opening fails: with HookFailed, or our own error as it is."""
        try:
            yield
        except BaseException as error:
            self.close()
            if isinstance(error, DataError) or not isinstance(error, Exception):
                raise
            raise HookFailed(message) from error


def open_handle(
    path: str | PathLike[str],
    encodings: tuple[Encoding, Encoding],
    options: Mapping[str, Any],
    *,
    sync: bool | None,
    recovering: bool,
    hooks: Hooks | None,
) -> Handle:
    """Open the directory; each face calls the postopen hooks in its own way."""
    for name in encodings:
        codec(name)  # refused before a directory is made
    if not isinstance(path, str | PathLike) or not str(path):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        raise InvalidArgument("the path of a LevelDB is a non-empty string or a Path")
    if recovering:
        recover(Path(path))
    engine = registry.acquire(Path(path), **options)
    gate = Gate()
    engine.gates.add(gate)
    return Handle(Space(engine, gate, sync=sync), *encodings, hooks or Hooks())
