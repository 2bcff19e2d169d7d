"""A set of writes that sees its own effects, and is stored in one step or not at all.

Transactions nest: an outer transaction gathers the writes of several callers, which then share one
batch and one fsync. When one caller's step fails, only the writes of that step are dropped.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, TypeVarTuple

from datapatterns.level.engine.keys import enclosing
from datapatterns.level.engine.readers import Reader, Writer

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

UNREAD: Any = object()  # the earlier value has not been read yet


@dataclass(slots=True)
class RawWrite:
    """A put (`value` is bytes) or a delete (`value` is None) on its way through the hooks.

    A caller that knows the JSON object it writes, or the one that was there before, passes it
    along, so that no hook has to parse it.
    """

    key: bytes
    value: bytes | None
    fields: dict[str, Any] | None = None
    before: dict[str, Any] | None = UNREAD


RawHook = Callable[[RawWrite, "Transaction"], None]
Hooks = dict[bytes, list[RawHook]]
Keepers = dict[bytes, RawHook]


class Transaction:
    """Gathers writes. A read looks at them first, then at those of `base`, then at the store."""

    def __init__(
        self, stored: Reader, hooks: Hooks, keepers: Keepers, base: Transaction | None = None
    ) -> None:
        self._stored = stored
        self._hooks = hooks
        self._keepers = keepers
        self._base = base
        # Writes added by hooks follow the inputs, so they win where both write one key.
        self._inputs: dict[bytes, bytes | None] = {}
        self._added: dict[bytes, bytes | None] = {}
        self._running: list[RawHook] = []
        self._sorted: list[bytes] | None = None  # the keys written, from the first range read on

    def nested(self) -> Transaction:
        """Return a transaction on top of this one, whose writes `absorb` can take over."""
        return Transaction(self._stored, self._hooks, self._keepers, self)

    @property
    def writes(self) -> Mapping[bytes, bytes | None]:
        """The last value written to each key (None: deleted), in the order of writing."""
        return {**self._inputs, **self._added} if self._added else self._inputs

    def get(self, key: bytes, /) -> bytes | None:
        """Return the value that this transaction would leave, or None if it leaves none."""
        if key in self._added:
            return self._added[key]
        if key in self._inputs:
            return self._inputs[key]
        if self._base is not None:
            return self._base.get(key)
        return self._stored.get(key)

    def put(
        self,
        key: bytes,
        value: bytes | None,
        *,
        fields: dict[str, Any] | None = None,
        before: dict[str, Any] | None = UNREAD,
    ) -> RawWrite:
        """Write the value (None: delete the key) through the hooks; return what was written.

        The hooks of the key's sublevels run from the inner outwards. The keeper of the key's
        collection runs after them, so that it sees what will be stored.
        """
        write = RawWrite(key, value, fields, before)
        if self._hooks:
            for prefix in enclosing(key):
                for hook in self._hooks.get(prefix, ()):
                    self._run(hook, write)
        if self._keepers:
            for prefix in enclosing(write.key):
                if keeper := self._keepers.get(prefix):
                    self._run(keeper, write)
                    break
        self.store(write.key, write.value)
        return write

    def _run(self, hook: RawHook, write: RawWrite) -> None:
        """Run the hook, unless it is running already: then its own addition led to this write."""
        if hook in self._running:
            return
        self._running.append(hook)
        try:
            hook(write, self)
        finally:
            self._running.pop()

    def delete(self, key: bytes) -> None:
        """Delete the key through the hooks, whether or not it is present."""
        self.put(key, None)

    def store(self, key: bytes, value: bytes | None) -> None:
        """Write the value (None: delete the key) without running any hook."""
        if self._sorted is not None:
            self._note(key)
        (self._added if self._running else self._inputs)[key] = value

    def attempt(self, step: Callable[[Writer, *Ts], T], *args: *Ts) -> T:
        """Run the step on these writes; if it raises, drop what it wrote and raise the error."""
        inner = self.nested()
        result = step(inner, *args)
        self.absorb(inner)
        return result

    def absorb(self, inner: Transaction) -> None:
        """Take over the writes of a transaction that `nested` returned."""
        if self._sorted is not None:
            for key in inner.writes:
                self._note(key)
        self._inputs.update(inner.writes)

    def _note(self, key: bytes) -> None:
        if self._sorted is not None and key not in self._inputs and key not in self._added:
            insort(self._sorted, key)

    def items(
        self, gte: bytes, lt: bytes | None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Iterate over the rows from `gte` up to but not including `lt`, as they would be left."""
        if self._base is not None:
            below = self._base.items(gte, lt, reverse=reverse)
        else:
            below = self._stored.items(gte, lt, reverse=reverse)
        if self._sorted is None:
            self._sorted = sorted(self.writes)
        end = None if lt is None else bisect_left(self._sorted, lt)
        mine = self._sorted[bisect_left(self._sorted, gte) : end]
        if not mine:
            return below
        written = self.writes
        unwritten = (row for row in below if row[0] not in written)
        if reverse:
            mine.reverse()
        rows = ((key, value) for key in mine if (value := written[key]) is not None)
        return heapq.merge(unwritten, rows, key=lambda row: row[0], reverse=reverse)

    def keys(self, gte: bytes, lt: bytes | None) -> Iterator[bytes]:
        """Iterate over the keys of such a range, upwards."""
        return (key for key, _ in self.items(gte, lt))
