"""What a changes worker keeps in LevelDB: its position, and the changes it has given up."""

from __future__ import annotations

from typing_extensions import override

from datapatterns import contracts
from datapatterns.core.changes import DeadChange
from datapatterns.level.engine.space import AsyncSpace
from datapatterns.level.steps.changes_worker import ProgressSteps


class AsyncCheckpoints(contracts.AsyncCheckpoints):
    """The positions of workers. Saving waits for the disk."""

    def __init__(self, space: AsyncSpace, steps: ProgressSteps) -> None:
        self._space, self._steps = space, steps

    @override
    async def load(self, name: str) -> str | None:
        return await self._space.read(self._steps.position, name)

    @override
    async def save(self, name: str, seq: str) -> None:
        await self._space.write(self._steps.save, name, seq, sync=True)


class AsyncGraveyard(contracts.AsyncGraveyard):
    """The changes that workers have given up. Adding waits for the disk."""

    def __init__(self, space: AsyncSpace, steps: ProgressSteps) -> None:
        self._space, self._steps = space, steps

    @override
    async def add(self, name: str, dead: DeadChange) -> None:
        await self._space.write(self._steps.bury, name, dead, sync=True)

    @override
    async def list(self, name: str, limit: int) -> list[DeadChange]:
        return await self._space.scan(self._steps.buried, name, limit)
