"""One step of a work queue: what a turn, a push and so on read, decide and write."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import chain

from datapatterns.core.records import FACTS, Record
from datapatterns.core.work_queue import LOST, NewItem, Request, Taken, TakenBack, Turn, Verdict
from datapatterns.core.work_queue import seconds_until as seconds
from datapatterns.level.engine.readers import Writer
from datapatterns.level.steps.expiry import Expiring
from datapatterns.level.steps.queue_keys import QueueKeys, StoredItem
from datapatterns.level.steps.queue_memory import QueueMemory

_REAP = 100  # lapsed leases that one step takes back


class QueueStep:
    """One step of a queue: what it writes to, its memory, and the time in microseconds."""

    def __init__(self, keys: QueueKeys, writer: Writer, memory: QueueMemory, at: int) -> None:
        self._keys, self._writer, self._memory, self._at = keys, writer, memory, at

    # --- a turn

    def turn(self, request: Request, lease: int, most: int) -> Turn:
        """Judge, take back and take; return the same turn if the request was served before."""
        if request.answers:
            return self._again(request.answers[0])
        outcomes = [self._judge(verdict) for verdict in request.verdicts]
        back = self._take_back()
        taken: list[Taken] = []
        if request.take and self._writer.get(self._keys.paused) is None:
            taken = self._take(request.take, lease, most)
        full = len(taken) == request.take
        pause = 0.0 if full else seconds(self._memory.pause(self._at))
        turn = Turn(outcomes, taken, back, pause)
        request.answers.append(turn)
        return turn

    def _again(self, turn: Turn) -> Turn:
        held = [t for t in turn.taken if self._memory.holds(t.id, t.token, self._at)]
        return Turn(turn.outcomes, held, [], 0.0)

    def _judge(self, verdict: Verdict) -> str:
        item = self._find(verdict.id)
        if item is None or not self._memory.holds(verdict.id, verdict.token, self._at):
            return LOST
        if verdict.verb in ("extend", "renew"):
            return self._hold_longer(verdict)
        self._end_lease(verdict.id)
        if verdict.verb == "ack":
            self._forget(verdict.id)
        elif verdict.verb == "release":
            self._wait(verdict.id, replace(item, attempts=item.attempts - 1))
        elif verdict.verb == "retry" and item.attempts < item.most:
            self._retry(verdict, item)
        else:
            self._bury(verdict.id, item, verdict.text)
            return "bury"
        return verdict.verb

    def _hold_longer(self, verdict: Verdict) -> str:
        ends, token = self._memory.leases[verdict.id]
        until = self._at + verdict.span
        self._lease(verdict.id, max(ends, until) if verdict.verb == "renew" else until, token)
        return verdict.verb

    def _retry(self, verdict: Verdict, item: StoredItem) -> None:
        if verdict.text:
            self._writer.store(self._keys.error(verdict.id), verdict.text.encode())
        seq = self._stamp()
        available = self._at + verdict.span if verdict.span else seq
        self._wait(verdict.id, replace(item, available=available, seq=seq))

    def _take_back(self) -> list[TakenBack]:
        """Make items whose leases lapsed ready again where they were, or dead if used up."""
        back: list[TakenBack] = []
        for id in self._memory.lapsed(self._at, _REAP):
            self._end_lease(id)
            if (item := self._find(id)) is None:
                continue
            dead = item.attempts >= item.most
            if dead:
                before = self._writer.get(self._keys.error(id))
                text = f"; before that: {before.decode()}" if before else ""
                self._bury(id, item, f"the lease was lost{text}")
            else:
                self._wait(id, item)
            back.append(TakenBack(id, item.attempts, dead))
        if back:
            requeued = int(self._writer.get(self._keys.requeued) or 0) + len(back)
            self._writer.store(self._keys.requeued, b"%d" % requeued)
        return back

    def _take(self, count: int, lease: int, most: int) -> list[Taken]:
        taken: list[Taken] = []
        due = self._memory.due(self._at)
        while len(taken) < count and (found := self._memory.first(self._writer, due)):
            key, id = found
            self._writer.store(key, None)
            self._memory.taken(key)
            if (item := self._find(id)) is not None:
                taken.append(self._hand_out(id, item, lease, most))
        return taken

    def _hand_out(self, id: str, item: StoredItem, lease: int, most: int) -> Taken:
        token = random.getrandbits(62) + 1
        held = replace(item, attempts=item.attempts + 1, most=most, token=token)
        self._writer.store(self._keys.item(id), held.pack())
        self._lease(id, self._at + lease, token)
        return Taken(id, item.data, held.attempts, item.pushed, str(token))

    # --- the other steps

    def push(self, items: list[NewItem], pushed: Expiring) -> None:
        """Queue those of the items whose ids are neither in the queue nor among the pushed ones."""
        for new in items:
            key, at = new.id.encode(), self._at
            if new.dedup is not None and pushed.get(self._writer, key, at) is not None:
                continue
            if self._find(new.id) is None:
                seq = self._stamp()
                available = at + new.delay if new.delay else seq
                item = StoredItem(0, 0, at, -new.priority, available, seq, 0, new.data)
                self._wait(new.id, item)
            if new.dedup:
                pushed.put(self._writer, key, b"", at, at + new.dedup)

    def cancel(self, id: str) -> bool:
        """Remove the item, wherever it is; return whether there was one."""
        item = self._find(id)
        if item is None:
            return False
        letter, waiting = self._keys.letter(item.available, id), self._keys.waiting(item)
        if item.token:
            self._end_lease(id)
        elif self._writer.get(letter) is not None:
            self._writer.store(letter, None)
        elif self._writer.get(waiting) == id.encode():
            self._writer.store(waiting, None)
        self._forget(id)
        return True

    def requeue(self, ids: list[str] | None) -> int:
        """Queue these dead letters afresh, or all of them; return how many there were."""
        if ids is None:
            letters = self._writer.keys(self._keys.dead, self._keys.dead_end)
            found = [self._keys.letter_of(key) for key in letters]
        else:
            items = {id: self._find(id) for id in ids}
            found = [(item.available, id) for id, item in items.items() if item is not None]
        return sum(self._revive(when, id) for when, id in found)

    def _revive(self, when: int, id: str) -> bool:
        letter = self._keys.letter(when, id)
        item = self._find(id)
        if item is None or self._writer.get(letter) is None:
            return False
        self._writer.store(letter, None)
        self._writer.store(self._keys.error(id), None)
        seq = self._stamp()
        self._wait(id, replace(item, attempts=0, available=seq, seq=seq))
        return True

    def purge(self) -> int:
        """Remove every item that waits or is dead; return how many there were."""
        waiting = (
            (key, id.decode())
            for rank, head in sorted(self._memory.heads.items())
            for key, id in self._writer.items(head, self._keys.rank_end(rank))
        )
        dead = (
            (key, self._keys.letter_of(key)[1])
            for key in self._writer.keys(self._keys.dead, self._keys.dead_end)
        )
        rows = list(chain(waiting, dead))
        for key, id in rows:
            self._writer.store(key, None)
            self._forget(id)
        return len(rows)

    def set_paused(self, paused: bool) -> None:
        """Allow taking, or not."""
        self._writer.store(self._keys.paused, b"1" if paused else None)
        if not paused:
            self._writer.store(self._keys.ready_end, b"")  # a write here wakes whoever waits

    def restore(self, record: Record) -> None:
        """Store the facts of another queue, or one of its items."""
        if record.id == FACTS:
            self._writer.store(self._keys.requeued, b"%d" % record.data["requeued"])
            if record.data["paused"]:
                self.set_paused(True)
            return
        [id], data, at = record.id, record.data, record.data["at"]
        rank, text = -data["priority"], data["item"].encode()
        item = StoredItem(data["attempts"], data["most"], data["pushed"], rank, at, at, 0, text)
        if data["error"]:
            self._writer.store(self._keys.error(id), data["error"].encode())
        if data["dead"]:
            self._writer.store(self._keys.item(id), item.pack())
            self._writer.store(self._keys.letter(at, id), b"")
            return
        if record.hints["ready"] and at > self._memory.stamp:
            # What is pushed from now on is behind it, and it is due, whatever the clock says.
            self._memory.stamp = at
        # Several items may be due at one moment, and each needs a key of its own.
        self._wait(id, replace(item, seq=self._stamp()))

    # --- what these steps share

    def _find(self, id: str) -> StoredItem | None:
        data = self._writer.get(self._keys.item(id))
        return None if data is None else StoredItem.unpack(data)

    def _stamp(self) -> int:
        stamp = self._memory.next_stamp(self._at)
        self._writer.store(self._keys.stamp, b"%d" % stamp)
        return stamp

    def _lease(self, id: str, ends: int, token: int) -> None:
        self._writer.store(self._keys.lease(id), b"%d" % ends)
        self._memory.hold(id, ends, token)

    def _end_lease(self, id: str) -> None:
        self._writer.store(self._keys.lease(id), None)
        self._memory.leases.pop(id, None)

    def _forget(self, id: str) -> None:
        self._writer.store(self._keys.item(id), None)
        self._writer.store(self._keys.error(id), None)

    def _wait(self, id: str, item: StoredItem) -> None:
        """Let the item wait, in the order that its state says."""
        key = self._keys.waiting(item)
        self._writer.store(self._keys.item(id), replace(item, token=0).pack())
        self._writer.store(key, id.encode())
        self._memory.added(item.rank, key)
        if not self._memory.closed:
            self._writer.store(self._keys.ready_end, b"")
            self._memory.closed = True

    def _bury(self, id: str, item: StoredItem, text: str) -> None:
        """Make the item a dead letter; its `available` tells since when."""
        if text:
            self._writer.store(self._keys.error(id), text.encode())
        dead = replace(item, available=self._at, token=0)
        self._writer.store(self._keys.item(id), dead.pack())
        self._writer.store(self._keys.letter(self._at, id), b"")
