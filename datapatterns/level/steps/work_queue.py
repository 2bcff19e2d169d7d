"""The steps of a work queue: those that write share the queue's memory, see `QueueStep`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, NamedTuple, TypeVar, TypeVarTuple

from datapatterns.core.records import Record
from datapatterns.core.work_queue import (
    ItemState,
    NewItem,
    QueueStats,
    Request,
    State,
    Turn,
    moment,
)
from datapatterns.level.engine.readers import Reader, Writer
from datapatterns.level.steps.expiry import Expiring, now
from datapatterns.level.steps.queue_keys import QueueKeys, StoredItem
from datapatterns.level.steps.queue_memory import QueueMemory
from datapatterns.level.steps.queue_step import QueueStep

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Letter(NamedTuple):
    """A dead letter as it is stored: its id, when it died, the item and its last error."""

    id: str
    died: int
    item: StoredItem
    error: str


class WorkQueueSteps:
    """The steps of one queue, and `shared`, where its memory lies between them."""

    def __init__(self, namespace: bytes, name: str, shared: dict[object, Any]) -> None:
        self.keys = QueueKeys(namespace, name)
        self._marks = Expiring(namespace, self.keys.once)
        self._pushed = Expiring(namespace, self.keys.dedup)
        self._shared = shared

    @property
    def memory(self) -> QueueMemory | None:
        """The memory of the queue, or None until a step has read it from the directory."""
        return self._shared.get(self.keys.ready)

    # --- writing

    def turn(self, writer: Writer, request: Request, lease: int, most: int) -> Turn:
        """Judge, take back from lost holders, and take; see `QueueStep`."""
        return self._run(writer, QueueStep.turn, request, lease, most)

    def push(self, writer: Writer, items: list[NewItem]) -> None:
        """Queue those of the items whose ids are neither in the queue nor remembered."""
        self._run(writer, QueueStep.push, items, self._pushed)

    def cancel(self, writer: Writer, id: str) -> bool:
        """Remove the item, wherever it is; return whether there was one."""
        return self._run(writer, QueueStep.cancel, id)

    def requeue(self, writer: Writer, ids: list[str] | None) -> int:
        """Queue these dead letters afresh, or all of them; return how many there were."""
        return self._run(writer, QueueStep.requeue, ids)

    def purge(self, writer: Writer) -> int:
        """Remove every item that waits or is dead; return how many there were."""
        return self._run(writer, QueueStep.purge)

    def set_paused(self, writer: Writer, paused: bool) -> None:
        """Stop handing items out, or hand them out again."""
        self._run(writer, QueueStep.set_paused, paused)

    def restore(self, writer: Writer, record: Record) -> None:
        """Take in the facts of another queue, or one of its items."""
        self._run(writer, QueueStep.restore, record)

    def _run(self, writer: Writer, step: Callable[[QueueStep, *Ts], T], *args: *Ts) -> T:
        """Run a step of the queue; after a step that fails, the next one reads the memory again."""
        memory = self._shared.pop(self.keys.ready, None) or QueueMemory.load(self.keys, writer)
        result = step(QueueStep(self.keys, writer, memory, now()), *args)
        self._shared[self.keys.ready] = memory
        return result

    def once(self, writer: Writer, key: str, span: int) -> bool:
        """Leave a mark for so long; return False if there is one."""
        at, name = now(), key.encode()
        if self._marks.get(writer, name, at) is not None:
            return False
        self._marks.put(writer, name, b"", at, at + span)
        return True

    # --- reading

    def waiting(self) -> list[tuple[bytes, bytes]]:
        """Return the ranges for `stats`: without a memory, all keys, consumed or not."""
        whole = [(self.keys.ready, self.keys.ready_end)]
        return whole if self.memory is None else self.memory.waiting()

    def stats(self, reader: Reader, waiting: Sequence[tuple[bytes, bytes]]) -> QueueStats:
        """Count the keys of the waiting, the leased and the dead items."""
        keys = self.keys
        due = max(now(), int(reader.get(keys.stamp) or 0))
        dues = [keys.rank_and_due(key)[1] for part in waiting for key in reader.keys(*part)]
        delayed = sum(due < available for available in dues)
        leased = sum(1 for _ in reader.keys(keys.leases, keys.lease_end))
        dead = sum(1 for _ in reader.keys(keys.dead, keys.dead_end))
        requeued = int(reader.get(keys.requeued) or 0)
        return QueueStats(len(dues) - delayed, delayed, leased, dead, requeued)

    def find(self, reader: Reader, id: str) -> ItemState | None:
        """Return where the item is, or None if there is none."""
        data = reader.get(self.keys.item(id))
        if data is None:
            return None
        item = StoredItem.unpack(data)
        error = (reader.get(self.keys.error(id)) or b"").decode()
        state, due_at = self._state(reader, id, item), None
        if state == "delayed":
            due_at = moment(item.available)
        return ItemState(id, state, item.attempts, moment(item.pushed), error, due_at)

    def _state(self, reader: Reader, id: str, item: StoredItem) -> State:
        if item.token:
            return "leased"
        if reader.get(self.keys.letter(item.available, id)) is not None:
            return "dead"
        due = max(now(), int(reader.get(self.keys.stamp) or 0))
        return "delayed" if item.available > due else "ready"

    def letters(self, reader: Reader, limit: int) -> list[Letter]:
        """Return the dead letters, the oldest first."""
        letters: list[Letter] = []
        for key in islice(reader.keys(self.keys.dead, self.keys.dead_end), limit):
            died, id = self.keys.letter_of(key)
            data = reader.get(self.keys.item(id))
            if data is not None:
                error = reader.get(self.keys.error(id)) or b""
                letters.append(Letter(id, died, StoredItem.unpack(data), error.decode()))
        return letters
