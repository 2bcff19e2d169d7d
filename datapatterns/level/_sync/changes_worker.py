# Generated from datapatterns/level/_async/changes_worker.py by scripts/unasync.py; do not edit.
"""What a changes worker keeps in LevelDB: its position, and the changes it has given up."""

from __future__ import annotations

from typing_extensions import override

from datapatterns import contracts
from datapatterns.core.changes import DeadChange
from datapatterns.level.engine.space import Space
from datapatterns.level.steps.changes_worker import ProgressSteps


class Checkpoints(contracts.Checkpoints):
    """The positions of workers. Saving waits for the disk."""

    def __init__(self, space: Space, steps: ProgressSteps) -> None:
        self._space, self._steps = space, steps

    @override
    def load(self, name: str) -> str | None:
        return self._space.read(self._steps.position, name)

    @override
    def save(self, name: str, seq: str) -> None:
        self._space.write(self._steps.save, name, seq, sync=True)


class Graveyard(contracts.Graveyard):
    """The changes that workers have given up. Adding waits for the disk."""

    def __init__(self, space: Space, steps: ProgressSteps) -> None:
        self._space, self._steps = space, steps

    @override
    def add(self, name: str, dead: DeadChange) -> None:
        self._space.write(self._steps.bury, name, dead, sync=True)

    @override
    def list(self, name: str, limit: int) -> list[DeadChange]:
        return self._space.scan(self._steps.buried, name, limit)
