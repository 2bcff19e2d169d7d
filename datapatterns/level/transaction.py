"""A set of writes that reads what it has written, and is stored in one step or not at all.

Transactions nest: the writes of several callers are gathered in one outer transaction and share
one batch and one fsync, while the failure of one of them takes back only its own.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from datapatterns.level.driver import Database, scan
from datapatterns.level.keys import enclosing

UNREAD: Any = object()  # "what was there before is not known yet"


@dataclass(slots=True)
class RawWrite:
    """A put (`value` is bytes) or a delete (`value` is None) on its way through the hooks.

    Who knows the JSON object that is written, or was there before, passes it along: then no hook
    needs to parse it.
    """

    key: bytes
    value: bytes | None
    fields: dict[str, Any] | None = None
    before: dict[str, Any] | None = UNREAD


RawHook = Callable[[RawWrite, "Transaction"], None]
Hooks = dict[bytes, list[RawHook]]
Keepers = dict[bytes, RawHook]


class Transaction:
    """Writes in the making. Reading goes through them, then through `base`, then to the store."""

    def __init__(
        self, database: Database, hooks: Hooks, keepers: Keepers, base: Transaction | None = None
    ) -> None:
        self._database = database
        self._hooks = hooks
        self._keepers = keepers
        self._base = base
        # What hooks add follows the inputs: it wins where both write one key.
        self._inputs: dict[bytes, bytes | None] = {}
        self._added: dict[bytes, bytes | None] = {}
        self._running: list[RawHook] = []
        self._sorted: list[bytes] | None = None  # the keys written, once a range was asked for

    def nested(self) -> Transaction:
        """A transaction on top of this one, for `absorb`."""
        return Transaction(self._database, self._hooks, self._keepers, self)

    @property
    def writes(self) -> Mapping[bytes, bytes | None]:
        """The final value of every key written, None for a deleted one, in the order written."""
        return {**self._inputs, **self._added} if self._added else self._inputs

    def get(self, key: bytes) -> bytes | None:
        """Return the value as this transaction would leave it, None if there is none."""
        if key in self._added:
            return self._added[key]
        if key in self._inputs:
            return self._inputs[key]
        if self._base is not None:
            return self._base.get(key)
        return self._database.get(key, verify_checksums=True)

    def put(
        self,
        key: bytes,
        value: bytes | None,
        *,
        fields: dict[str, Any] | None = None,
        before: dict[str, Any] | None = UNREAD,
    ) -> RawWrite:
        """Write the value (or delete, when it is None) through the hooks; return what was written.

        The hooks of the key's sublevels run from the inner outwards, then the keeper of the
        collection it belongs to, which so sees what is really stored.
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
        """Run the hook, unless the write is one that it added, or that others added to that."""
        if hook in self._running:
            return
        self._running.append(hook)
        try:
            hook(write, self)
        finally:
            self._running.pop()

    def delete(self, key: bytes) -> None:
        """Delete the key, present or not, and run the hooks of its sublevels."""
        self.put(key, None)

    def store(self, key: bytes, value: bytes | None) -> None:
        """Write the value (or delete, when it is None) past the hooks."""
        if self._sorted is not None:
            self._note(key)
        (self._added if self._running else self._inputs)[key] = value

    def absorb(self, inner: Transaction) -> None:
        """Take over the writes of a transaction that was begun on this one."""
        if self._sorted is not None:
            for key in inner.writes:
                self._note(key)
        self._inputs.update(inner.writes)

    def _note(self, key: bytes) -> None:
        if self._sorted is not None and key not in self._inputs and key not in self._added:
            insort(self._sorted, key)

    def items(
        self, gte: bytes, lt: bytes, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Iterate over the entries from `gte` up to but not `lt`, as they would be left."""
        if self._base is not None:
            below = self._base.items(gte, lt, reverse=reverse)
        else:
            below = scan(self._database, gte, lt, reverse=reverse)
        if self._sorted is None:
            self._sorted = sorted(self.writes)
        mine = self._sorted[bisect_left(self._sorted, gte) : bisect_left(self._sorted, lt)]
        if not mine:
            return below
        written = self.writes
        unwritten = (row for row in below if row[0] not in written)
        if reverse:
            mine.reverse()
        rows = ((key, value) for key in mine if (value := written[key]) is not None)
        return heapq.merge(unwritten, rows, key=lambda row: row[0], reverse=reverse)
