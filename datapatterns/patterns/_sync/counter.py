# Generated from datapatterns/patterns/_async/counter.py by scripts/unasync.py; do not edit.
"""What counters of every backend share: the checks around one atomic step."""

from __future__ import annotations

from abc import abstractmethod

from typing_extensions import override

from datapatterns import contracts
from datapatterns.core.counter import check_op_id, check_step


class BaseCounter(contracts.Counter):
    """The checks of a counter; a backend brings `_add`, `value` and `reset`."""

    @abstractmethod
    def _add(self, by: int, op_id: str | None) -> int:
        """Add in one atomic step, unless this operation was done lately; return its result."""

    @override
    def increment(self, by: int = 1, *, op_id: str | None = None) -> int:
        return self._add(check_step(by), check_op_id(op_id))

    @override
    def decrement(self, by: int = 1, *, op_id: str | None = None) -> int:
        return self._add(-check_step(by), check_op_id(op_id))
