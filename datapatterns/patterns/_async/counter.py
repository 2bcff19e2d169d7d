"""What counters of every backend share: the checks around one atomic step."""

from __future__ import annotations

from abc import abstractmethod

from typing_extensions import override

from datapatterns import contracts
from datapatterns.core.counter import check_op_id, check_step


class AsyncBaseCounter(contracts.AsyncCounter):
    """The checks of a counter; a backend brings `_add`, `value` and `reset`."""

    @abstractmethod
    async def _add(self, by: int, op_id: str | None) -> int:
        """Add in one atomic step, unless this operation was done lately; return its result."""

    @override
    async def increment(self, by: int = 1, *, op_id: str | None = None) -> int:
        return await self._add(check_step(by), check_op_id(op_id))

    @override
    async def decrement(self, by: int = 1, *, op_id: str | None = None) -> int:
        return await self._add(-check_step(by), check_op_id(op_id))
