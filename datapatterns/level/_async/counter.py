"""A counter in LevelDB."""

from __future__ import annotations

from typing_extensions import override

from datapatterns.core.checks import Duration, check_name, microseconds
from datapatterns.level._async.level import AsyncLevel
from datapatterns.level.engine.space import AsyncSpace
from datapatterns.level.steps.counter import CounterSteps
from datapatterns.patterns._async.counter import AsyncBaseCounter


class AsyncCounter(AsyncBaseCounter):
    """A signed 64-bit integer that any number of callers change at once without losing a step.

    Reading, adding and writing are one step under the engine's write lock; LevelDB has no merge.
    With an `op_id` the result is kept in the same batch for `op_ttl` seconds, and a repeated call
    returns it and adds nothing. Costs one write; waiting calls share one. Past 64 bits it is
    InvalidArgument, and nothing changes.
    """

    def __init__(self, client: AsyncLevel, name: str, *, op_ttl: Duration = 3600.0) -> None:
        self._space = AsyncSpace.of(client)
        ttl = microseconds("op_ttl", op_ttl, positive=True)
        self._steps = CounterSteps(self._space.prefix, check_name("a counter's name", name), ttl)

    @override
    async def _add(self, by: int, op_id: str | None) -> int:
        return await self._space.write(self._steps.add, by, op_id)

    @override
    async def value(self) -> int:
        return await self._space.read(self._steps.value)

    @override
    async def reset(self) -> int:
        return await self._space.write(self._steps.reset)
