"""Hooks: what runs before each write in the same atomic batch, after opening, at a new sublevel.

Indexes, the change log and an application's own audit trail are all the same thing: a prewrite
hook that adds operations to the batch. Hooks belong to a range of keys, whichever handle writes
there: those of nested sublevels run from the inner outwards, each sees what earlier ones changed.

Source: the hooks of Node's abstract-level.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeVar, cast

from datapatterns.errors import DataError, HookFailed, InvalidArgument
from datapatterns.level.keys import enclosing, is_own
from datapatterns.level.transaction import UNREAD, RawHook, RawWrite, Transaction

if TYPE_CHECKING:
    from datapatterns.level._async.level import AsyncLevel
    from datapatterns.level.level import Level
    from datapatterns.level.space import HasSpace

F = TypeVar("F", bound=Callable[..., Any])


class Operation:
    """A write, as the level sees it that the hook or listener belongs to.

    A prewrite hook may change `type` (put or delete), `key` and `value`. They are decoded when
    looked at: writes of sublevels have encodings of their own, and `path` names those sublevels.
    """

    def __init__(self, level: Level, key: bytes, value: bytes | None) -> None:
        self._level = level
        self.raw_key, self.raw_value = key, value

    @property
    def path(self) -> tuple[str, ...]:
        """The names of the sublevels, below the hook's level, that the key lies in."""
        prefix = self._level.space.prefix
        inner = enclosing(self.raw_key[len(prefix) :])[0]
        return tuple(inner[1:-1].decode(errors="replace").split("!!")) if inner else ()

    @property
    def type(self) -> Literal["put", "delete"]:
        """What is done; a put becomes a delete by setting this."""
        return "delete" if self.raw_value is None else "put"

    @type.setter
    def type(self, type: Literal["put", "delete"]) -> None:
        if type not in ("put", "delete"):
            raise InvalidArgument("the type of an operation is put or delete")
        if type == "delete":
            self.raw_value = None
        elif self.raw_value is None:
            raise InvalidArgument("a delete becomes a put by setting its value")

    @property
    def key(self) -> Any:
        """The key, as the hook's level sees it."""
        return self._level.decode_key(self.raw_key)

    @key.setter
    def key(self, key: Any) -> None:
        self.raw_key = self._level.encode_key(key)

    @property
    def value(self) -> Any:
        """The value, None for a delete; setting one makes a put of it."""
        return None if self.raw_value is None else self._level.decode_value(self.raw_value)

    @value.setter
    def value(self, value: Any) -> None:
        self.raw_value = self._level.encode_value(value)


class HookBatch:
    """Adds operations to the batch under way; they follow its own, and are stored with them."""

    def __init__(self, level: Level, transaction: Transaction) -> None:
        self._level = level
        self._transaction = transaction

    def put(self, key: Any, value: Any, *, sublevel: Level | AsyncLevel | None = None) -> Self:
        """Add a put, in the hook's own level or in a sublevel."""
        level = self._target(sublevel)
        self._transaction.put(level.encode_key(key), level.encode_value(value))
        return self

    def delete(self, key: Any, *, sublevel: Level | AsyncLevel | None = None) -> Self:
        """Add a delete, in the hook's own level or in a sublevel."""
        self._transaction.delete(self._target(sublevel).encode_key(key))
        return self

    def get(
        self, key: Any, default: Any = None, *, sublevel: Level | AsyncLevel | None = None
    ) -> Any:
        """Return what the batch, so far, would leave there."""
        level = self._target(sublevel)
        data = self._transaction.get(level.encode_key(key))
        return default if data is None else level.decode_value(data)

    def add(self, operation: Mapping[str, Any]) -> Self:
        """Add an operation written like those of `Level.batch`."""
        level, kind, key, value = unpack_operation(operation)
        if kind == "put":
            return self.put(key, value, sublevel=level)
        return self.delete(key, sublevel=level)

    def _target(self, sublevel: Level | AsyncLevel | None) -> Level:
        return target(self._level, sublevel)


def target(level: Level, sublevel: HasSpace | None) -> Level:
    """The level that an operation is for: the one it is given to, unless it names a sublevel."""
    if sublevel is None:
        return level
    beside = getattr(sublevel, "beside", None)
    if beside is None:
        raise InvalidArgument("a sublevel is what `level.sublevel(name)` returned")
    return cast("Level", beside(level))


def unpack_operation(
    operation: Mapping[str, Any],
) -> tuple[Level | None, Literal["put", "delete"], Any, Any]:
    """The parts of an operation of a batch; InvalidArgument for any other shape."""
    try:
        kind, key = operation["type"], operation["key"]
        value = operation["value"] if kind == "put" else None
        unknown = set(operation) - {"type", "key", "value", "sublevel"}
    except (KeyError, TypeError) as error:
        raise InvalidArgument("an operation has a type, a key and, for a put, a value") from error
    if kind not in ("put", "delete", "del") or unknown:
        raise InvalidArgument(
            "an operation is a put or a delete, with key, value and sublevel only"
        )
    return operation.get("sublevel"), "put" if kind == "put" else "delete", key, value


class HookList(Generic[F]):
    """The functions of one hook; `add` can be used as a decorator."""

    def __init__(self) -> None:
        self._functions: list[F] = []

    def add(self, fn: F) -> F:
        """Call the function from now on, after those added before it; again changes nothing."""
        if not callable(fn):
            raise InvalidArgument("a hook is a function")
        if fn not in self._functions:
            self._functions.append(fn)
        return fn

    def remove(self, fn: F) -> None:
        """Call the function no more; unknown ones are ignored."""
        if fn in self._functions:
            self._functions.remove(fn)

    def __iter__(self) -> Iterator[F]:
        return iter(list(self._functions))

    def __len__(self) -> int:
        return len(self._functions)


class Prewrite(HookList[Callable[[Operation, HookBatch], Any]]):
    """The prewrite hooks of one level, which the engine calls for every write below its prefix."""

    def __init__(self) -> None:
        super().__init__()
        self._level: Level | None = None
        self._raw: dict[Callable[..., Any], RawHook] = {}

    def attach(self, level: Level) -> None:
        """Begin to call the functions for writes to this level."""
        self._level = level
        for fn in self:
            self._register(level, fn)

    def add(
        self, fn: Callable[[Operation, HookBatch], Any]
    ) -> Callable[[Operation, HookBatch], Any]:
        """Call `fn(operation, batch)` before each write, in the same atomic batch."""
        super().add(fn)
        if self._level is not None and fn not in self._raw:
            self._register(self._level, fn)
        return fn

    def remove(self, fn: Callable[[Operation, HookBatch], Any]) -> None:
        """Call the function no more; unknown ones are ignored."""
        super().remove(fn)
        raw = self._raw.pop(fn, None)
        if raw is not None and self._level is not None:
            self._level.space.engine.remove_hook(self._level.space.prefix, raw)

    def _register(self, level: Level, fn: Callable[[Operation, HookBatch], Any]) -> None:
        def hook(write: RawWrite, transaction: Transaction) -> None:
            _run(level, fn, write, transaction)

        space = level.space
        self._raw[fn] = hook
        space.engine.add_hook(space.prefix, hook)
        space.gate.at_shut.append(lambda: space.engine.remove_hook(space.prefix, hook))


def _run(
    level: Level,
    fn: Callable[[Operation, HookBatch], Any],
    write: RawWrite,
    transaction: Transaction,
) -> None:
    """Show the write to the hook as its level sees it, and take over what it changed."""
    if is_own(write.key):
        return
    operation = Operation(level, write.key, write.value)
    try:
        result = fn(operation, HookBatch(level, transaction))
    except DataError:
        raise
    except Exception as error:
        raise HookFailed("a prewrite hook raised; nothing was written") from error
    if inspect.iscoroutine(result):
        result.close()
        raise HookFailed("a prewrite hook is a plain function, not a coroutine")
    if (operation.raw_key, operation.raw_value) != (write.key, write.value):
        write.key, write.value = operation.raw_key, operation.raw_value
        write.fields, write.before = None, UNREAD


class Hooks:
    """The three hooks of a level. Made beforehand and given to `open`, they see the opening too.

    `postopen` functions get the level before anybody else can use it; `newsublevel` ones get each
    sublevel that is made of this level.
    """

    def __init__(self) -> None:
        self.prewrite = Prewrite()
        self.postopen: HookList[Callable[[Any], Any]] = HookList()
        self.newsublevel: HookList[Callable[[Any], Any]] = HookList()

    def announce(self, sublevel: Any) -> None:
        """Call the newsublevel functions; HookFailed if one raises, or our own error as it is."""
        for hook in self.newsublevel:
            try:
                hook(sublevel)
            except DataError:
                raise
            except Exception as error:
                raise HookFailed("a newsublevel hook raised") from error
