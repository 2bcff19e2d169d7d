"""Hooks: functions called before each write, in its batch, after opening, and for new sublevels.

An index, or an application's own audit trail, is a prewrite hook that adds operations to the batch.
Hooks belong to a range of keys, whichever handle writes there. Those of nested sublevels run from
the inner outwards, and each sees what earlier ones have changed.

Source: the hooks of Node's abstract-level.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeVar, cast

from datapatterns.errors import DataError, HookFailed, InvalidArgument
from datapatterns.level.engine.keys import enclosing, is_own
from datapatterns.level.engine.readers import Writer
from datapatterns.level.engine.transaction import UNREAD, RawHook, RawWrite

if TYPE_CHECKING:
    from datapatterns.level._async.level import AsyncLevel
    from datapatterns.level.engine.handle import Handle
    from datapatterns.level.engine.level import Level

F = TypeVar("F", bound=Callable[..., Any])


class Operation:
    """A write, as seen by the level that the hook or listener belongs to.

    A prewrite hook may change `type` (put or delete), `key` and `value`. Reading one decodes it.
    Writes to sublevels have encodings of their own; `path` names those sublevels.
    """

    def __init__(self, handle: Handle, write: RawWrite) -> None:
        self._handle, self._write = handle, write

    @property
    def path(self) -> tuple[str, ...]:
        """The names of the sublevels, below the hook's level, that the key lies in."""
        prefix = self._handle.space.prefix
        inner = enclosing(self._write.key[len(prefix) :])[0]
        return tuple(inner[1:-1].decode(errors="replace").split("!!")) if inner else ()

    @property
    def type(self) -> Literal["put", "delete"]:
        """`put` or `delete`; setting it to `delete` makes a delete of a put."""
        return "delete" if self._write.value is None else "put"

    @type.setter
    def type(self, type: Literal["put", "delete"]) -> None:
        if type not in ("put", "delete"):
            raise InvalidArgument("the type of an operation is put or delete")
        if type == "delete":
            self._write.value = None
        elif self._write.value is None:
            raise InvalidArgument("a delete becomes a put by setting its value")

    @property
    def key(self) -> Any:
        """The key, as seen by the hook's level."""
        return self._handle.decode_key(self._write.key)

    @key.setter
    def key(self, key: Any) -> None:
        self._write.key = self._handle.encode_key(key)

    @property
    def value(self) -> Any:
        """The value, or None for a delete; setting one makes a put of it."""
        return None if self._write.value is None else self._handle.decode_value(self._write.value)

    @value.setter
    def value(self, value: Any) -> None:
        self._write.value = self._handle.encode_value(value)


class HookBatch:
    """Adds operations to the batch under way, which are stored with it, after its own."""

    def __init__(self, handle: Handle, writer: Writer) -> None:
        self._handle, self._writer = handle, writer

    def put(self, key: Any, value: Any, *, sublevel: Level | AsyncLevel | None = None) -> Self:
        """Add a put, in the hook's own level or in a sublevel."""
        to = target(self._handle, sublevel)
        self._writer.put(to.encode_key(key), to.encode_value(value))
        return self

    def delete(self, key: Any, *, sublevel: Level | AsyncLevel | None = None) -> Self:
        """Add a delete, in the hook's own level or in a sublevel."""
        self._writer.put(target(self._handle, sublevel).encode_key(key), None)
        return self

    def get(
        self, key: Any, default: Any = None, *, sublevel: Level | AsyncLevel | None = None
    ) -> Any:
        """Return the value that the batch would leave by now, or the default if it leaves none."""
        at = target(self._handle, sublevel)
        data = self._writer.get(at.encode_key(key))
        return default if data is None else at.decode_value(data)

    def add(self, operation: Mapping[str, Any]) -> Self:
        """Add an operation written like those of `Level.batch`."""
        level, kind, key, value = unpack_operation(operation)
        if kind == "put":
            return self.put(key, value, sublevel=level)
        return self.delete(key, sublevel=level)


def target(handle: Handle, sublevel: Level | AsyncLevel | None) -> Handle:
    """Return the handle of the sublevel, or the given one if the operation names no sublevel."""
    if sublevel is None:
        return handle
    beside = getattr(getattr(sublevel, "_handle", None), "beside", None)
    if beside is None:
        raise InvalidArgument("a sublevel is what `level.sublevel(name)` returned")
    return cast("Handle", beside(handle))


def unpack_operation(
    operation: Mapping[str, Any],
) -> tuple[Level | None, Literal["put", "delete"], Any, Any]:
    """Return the parts of a batch's operation; raise InvalidArgument for another shape."""
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
        """Call the function from now on, after those added earlier; adding again has no effect."""
        if not callable(fn):
            raise InvalidArgument("a hook is a function")
        if fn not in self._functions:
            self._functions.append(fn)
        return fn

    def remove(self, fn: F) -> None:
        """Stop calling the function; an unknown one is ignored."""
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
        self._handle: Handle | None = None
        self._raw: dict[Callable[..., Any], RawHook] = {}

    def _attach(self, handle: Handle) -> None:
        """Begin to call the functions for writes to the handle's level."""
        self._handle = handle
        for fn in self:
            self._register(handle, fn)

    def add(
        self, fn: Callable[[Operation, HookBatch], Any]
    ) -> Callable[[Operation, HookBatch], Any]:
        """Call `fn(operation, batch)` before each write, in the same atomic batch."""
        super().add(fn)
        if self._handle is not None and fn not in self._raw:
            self._register(self._handle, fn)
        return fn

    def remove(self, fn: Callable[[Operation, HookBatch], Any]) -> None:
        """Stop calling the function; an unknown one is ignored."""
        super().remove(fn)
        raw = self._raw.pop(fn, None)
        if raw is not None and self._handle is not None:
            self._handle.engine.remove_hook(self._handle.space.prefix, raw)

    def _register(self, handle: Handle, fn: Callable[[Operation, HookBatch], Any]) -> None:
        def hook(write: RawWrite, writer: Writer) -> None:
            _run(handle, fn, write, writer)

        space = handle.space
        self._raw[fn] = hook
        space.engine.add_hook(space.prefix, hook)
        space.gate.at_shut.append(lambda: space.engine.remove_hook(space.prefix, hook))


def _run(
    handle: Handle,
    fn: Callable[[Operation, HookBatch], Any],
    write: RawWrite,
    writer: Writer,
) -> None:
    """Call the hook with the write as seen by its level, and take over what it changed."""
    if is_own(write.key):
        return
    shown = RawWrite(write.key, write.value)
    try:
        result = fn(Operation(handle, shown), HookBatch(handle, writer))
    except DataError:
        raise
    except Exception as error:
        raise HookFailed("a prewrite hook raised; nothing was written") from error
    if inspect.iscoroutine(result):
        result.close()
        raise HookFailed("a prewrite hook is a plain function, not a coroutine")
    if (shown.key, shown.value) != (write.key, write.value):
        write.key, write.value = shown.key, shown.value
        write.fields, write.before = None, UNREAD


class Hooks:
    """The three hooks of a level. Hooks that are made first and given to `open` run for it too.

    `postopen` functions get the level before anybody else can use it; `newsublevel` functions get
    each sublevel that is made of this level.
    """

    def __init__(self) -> None:
        self.prewrite = Prewrite()
        self.postopen: HookList[Callable[[Any], Any]] = HookList()
        self.newsublevel: HookList[Callable[[Any], Any]] = HookList()


def announce(hooks: Hooks, sublevel: Any) -> None:
    """Call the newsublevel functions; HookFailed if one raises, or our own error as it is."""
    for hook in hooks.newsublevel:
        try:
            hook(sublevel)
        except DataError:
            raise
        except Exception as error:
            raise HookFailed("a newsublevel hook raised") from error
