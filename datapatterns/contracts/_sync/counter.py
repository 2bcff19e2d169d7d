# Generated from datapatterns/contracts/_async/counter.py by scripts/unasync.py; do not edit.
"""The contract of counters."""

from __future__ import annotations

from typing import Protocol


class Counter(Protocol):
    """A signed 64-bit integer that any number of callers change at once, with no change lost."""

    def increment(self, by: int = 1, *, op_id: str | None = None) -> int:
        """Add to the counter and return the new value.

        With an `op_id`, a repetition within the counter's `op_ttl` adds nothing and returns the
        result of the first call. Raise InvalidArgument, and change nothing, if the result would
        need more than 64 bits.
        """
        ...

    def decrement(self, by: int = 1, *, op_id: str | None = None) -> int:
        """Subtract from the counter and return the new value; see `increment`."""
        ...

    def value(self) -> int:
        """Return the value, 0 for a counter that was never changed."""
        ...

    def reset(self) -> int:
        """Set the value to 0 and return the former value, in one atomic step."""
        ...
