"""A set of writes that reads what it has written, and is stored in one step or not at all.

Transactions nest: the writes of several callers are gathered in one outer transaction and share
one batch and one fsync, while the failure of one of them takes back only its own.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from datapatterns.level.driver import Database
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
Side = Literal["inputs", "added"]


class Transaction:
    """Writes in the making. Reading goes through them, then through `base`, then to the store."""

    def __init__(self, database: Database, hooks: Hooks, base: Transaction | None = None) -> None:
        self._database = database
        self._hooks = hooks
        self._base = base
        # What hooks add follows the inputs: it wins where both write one key.
        self._inputs: dict[bytes, bytes | None] = {}
        self._added: dict[bytes, bytes | None] = {}
        self._running: list[RawHook] = []

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
    ) -> None:
        """Write the value (or delete, when it is None) and run the hooks of the key's sublevels."""
        if not self._hooks:
            self._store(key, value)
            return
        write = RawWrite(key, value, fields, before)
        for prefix in enclosing(key):
            for hook in self._hooks.get(prefix, ()):
                # A hook is not called for what it adds itself, nor for what others add to that.
                if hook not in self._running:
                    self._running.append(hook)
                    try:
                        hook(write, self)
                    finally:
                        self._running.pop()
        self._store(write.key, write.value)

    def delete(self, key: bytes) -> None:
        """Delete the key, present or not, and run the hooks of its sublevels."""
        self.put(key, None)

    def _store(self, key: bytes, value: bytes | None) -> None:
        (self._added if self._running else self._inputs)[key] = value

    def absorb(self, inner: Transaction) -> None:
        """Take over the writes of a transaction that was begun on this one."""
        self._inputs.update(inner.writes)

    def items(
        self, gte: bytes, lt: bytes, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Iterate over the entries from `gte` up to but not `lt`, as this transaction leaves them."""
        below = self._base.items(gte, lt, reverse=reverse) if self._base else self._stored(gte, lt, reverse)
        writes = self.writes
        mine = sorted((key for key in writes if gte <= key < lt), reverse=reverse)
        if not mine:
            return below
        return self._merged(below, mine, writes, reverse=reverse)

    def _merged(
        self,
        below: Iterator[tuple[bytes, bytes]],
        mine: list[bytes],
        writes: Mapping[bytes, bytes | None],
        *,
        reverse: bool,
    ) -> Iterator[tuple[bytes, bytes]]:
        unwritten = (row for row in below if row[0] not in writes)
        rows = ((key, value) for key in mine if (value := writes[key]) is not None)
        return heapq.merge(unwritten, rows, key=lambda row: row[0], reverse=reverse)

    def _stored(self, gte: bytes, lt: bytes, reverse: bool) -> Iterator[tuple[bytes, bytes]]:
        if not reverse:
            yield from self._database.iterator(start=gte, stop=lt, verify_checksums=True)
            return
        # With a start as well, the driver drops the last row when reading downwards.
        for row in self._database.iterator(stop=lt, reverse=True, verify_checksums=True):
            if row[0] < gte:
                return
            yield row
