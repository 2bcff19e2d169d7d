"""The steps of a work queue in LevelDB, each on one transaction: they read, decide and write."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import chain

from datapatterns.level.queue_state import Job, Places, QueueState
from datapatterns.level.transaction import Transaction
from datapatterns.queues import LOST, NewItem, Request, Taken, TakenBack, Turn, Verdict
from datapatterns.queues import seconds_until as seconds

_REAP = 100  # lapsed leases that one step takes back


class Step:
    """One step of a queue: its transaction, its memory, and the time in microseconds."""

    def __init__(
        self, places: Places, transaction: Transaction, state: QueueState, at: int
    ) -> None:
        self._places, self._transaction, self._state, self._at = places, transaction, state, at

    # --- a turn

    def turn(self, request: Request, lease: int, most: int) -> Turn:
        """Judge, take back, take; told again without effect if the request was served before."""
        if request.answers:
            return self._again(request.answers[0])
        outcomes = [self._judge(verdict) for verdict in request.verdicts]
        back = self._take_back()
        taken: list[Taken] = []
        if request.take and self._transaction.get(self._places.paused) is None:
            taken = self._take(request.take, lease, most)
        full = len(taken) == request.take
        pause = 0.0 if full else seconds(self._state.pause(self._at))
        turn = Turn(outcomes, taken, back, pause)
        request.answers.append(turn)
        return turn

    def _again(self, turn: Turn) -> Turn:
        held = [t for t in turn.taken if self._state.holds(t.id, t.token, self._at)]
        return Turn(turn.outcomes, held, [], 0.0)

    def _judge(self, verdict: Verdict) -> str:
        job = self._job(verdict.id)
        if job is None or not self._state.holds(verdict.id, verdict.token, self._at):
            return LOST
        if verdict.verb in ("extend", "renew"):
            return self._hold_longer(verdict)
        self._end_lease(verdict.id)
        if verdict.verb == "ack":
            self._forget(verdict.id)
        elif verdict.verb == "release":
            self._wait(verdict.id, replace(job, attempts=job.attempts - 1))
        elif verdict.verb == "retry" and job.attempts < job.most:
            self._retry(verdict, job)
        else:
            self._bury(verdict.id, job, verdict.text)
            return "bury"
        return verdict.verb

    def _hold_longer(self, verdict: Verdict) -> str:
        ends, token = self._state.leases[verdict.id]
        until = self._at + verdict.span
        self._lease(verdict.id, max(ends, until) if verdict.verb == "renew" else until, token)
        return verdict.verb

    def _retry(self, verdict: Verdict, job: Job) -> None:
        if verdict.text:
            self._transaction.store(
                self._places.errors + verdict.id.encode(), verdict.text.encode()
            )
        seq = self._stamp()
        available = self._at + verdict.span if verdict.span else seq
        self._wait(verdict.id, replace(job, available=available, seq=seq))

    def _take_back(self) -> list[TakenBack]:
        """Make what lost its holder ready again at its old place, or dead after its last try."""
        back: list[TakenBack] = []
        for id in self._state.lapsed(self._at, _REAP):
            self._end_lease(id)
            if (job := self._job(id)) is None:
                continue
            dead = job.attempts >= job.most
            if dead:
                before = self._transaction.get(self._places.errors + id.encode())
                text = f"; before that: {before.decode()}" if before else ""
                self._bury(id, job, f"the lease was lost{text}")
            else:
                self._wait(id, job)
            back.append(TakenBack(id, job.attempts, dead))
        if back:
            requeued = int(self._transaction.get(self._places.requeued) or 0) + len(back)
            self._transaction.store(self._places.requeued, b"%d" % requeued)
        return back

    def _take(self, count: int, lease: int, most: int) -> list[Taken]:
        taken: list[Taken] = []
        due = self._state.due(self._at)
        while len(taken) < count and (found := self._state.first(self._transaction, due)):
            key, id = found
            self._transaction.store(key, None)
            self._state.taken(key)
            if (job := self._job(id)) is not None:
                taken.append(self._hand_out(id, job, lease, most))
        return taken

    def _hand_out(self, id: str, job: Job, lease: int, most: int) -> Taken:
        token = random.getrandbits(62) + 1
        held = replace(job, attempts=job.attempts + 1, most=most, token=token)
        self._transaction.store(self._places.jobs + id.encode(), held.pack())
        self._lease(id, self._at + lease, token)
        return Taken(id, job.data, held.attempts, job.pushed, str(token))

    # --- the other steps

    def push(self, items: list[NewItem]) -> None:
        """Queue those of the items whose ids are not there."""
        for item in items:
            if self._job(item.id) is None:
                seq = self._stamp()
                available = self._at + item.delay if item.delay else seq
                job = Job(0, 0, self._at, -item.priority, available, seq, 0, item.data)
                self._wait(item.id, job)

    def requeue(self, ids: list[str] | None) -> int:
        """Queue these dead letters afresh, or all; return how many."""
        if ids is None:
            rows = self._transaction.items(self._places.dead, self._places.dead_end)
            found = [self._places.letter_of(key) for key, _ in rows]
        else:
            jobs = {id: self._job(id) for id in ids}
            found = [(job.available, id) for id, job in jobs.items() if job is not None]
        return sum(self._revive(when, id) for when, id in found)

    def _revive(self, when: int, id: str) -> bool:
        letter = self._places.letter(when, id)
        job = self._job(id)
        if job is None or self._transaction.get(letter) is None:
            return False
        self._transaction.store(letter, None)
        self._transaction.store(self._places.errors + id.encode(), None)
        seq = self._stamp()
        self._wait(id, replace(job, attempts=0, available=seq, seq=seq))
        return True

    def purge(self) -> int:
        """Remove what waits or is dead; return how many there were."""
        waiting = (
            (key, id.decode())
            for rank, head in sorted(self._state.heads.items())
            for key, id in self._transaction.items(head, self._places.rank_end(rank))
        )
        dead = (
            (key, self._places.letter_of(key)[1])
            for key, _ in self._transaction.items(self._places.dead, self._places.dead_end)
        )
        rows = list(chain(waiting, dead))
        for key, id in rows:
            self._transaction.store(key, None)
            self._forget(id)
        return len(rows)

    def set_paused(self, paused: bool) -> None:
        """Stop or allow taking."""
        self._transaction.store(self._places.paused, b"1" if paused else None)
        if not paused:
            self._transaction.store(self._places.ready_end, b"")  # rings the bells

    # --- what steps are made of

    def _job(self, id: str) -> Job | None:
        data = self._transaction.get(self._places.jobs + id.encode())
        return None if data is None else Job.unpack(data)

    def _stamp(self) -> int:
        stamp = self._state.next_stamp(self._at)
        self._transaction.store(self._places.stamp, b"%d" % stamp)
        return stamp

    def _lease(self, id: str, ends: int, token: int) -> None:
        self._transaction.store(self._places.leases + id.encode(), b"%d" % ends)
        self._state.hold(id, ends, token)

    def _end_lease(self, id: str) -> None:
        self._transaction.store(self._places.leases + id.encode(), None)
        self._state.leases.pop(id, None)

    def _forget(self, id: str) -> None:
        self._transaction.store(self._places.jobs + id.encode(), None)
        self._transaction.store(self._places.errors + id.encode(), None)

    def _wait(self, id: str, job: Job) -> None:
        """Let it wait at its place."""
        key = self._places.ready_key(job)
        self._transaction.store(self._places.jobs + id.encode(), replace(job, token=0).pack())
        self._transaction.store(key, id.encode())
        self._state.added(job.rank, key)
        if not self._state.closed:
            self._transaction.store(self._places.ready_end, b"")
            self._state.closed = True

    def _bury(self, id: str, job: Job, text: str) -> None:
        """Make it a dead letter; `available` says since when."""
        if text:
            self._transaction.store(self._places.errors + id.encode(), text.encode())
        dead = replace(job, available=self._at, token=0)
        self._transaction.store(self._places.jobs + id.encode(), dead.pack())
        self._transaction.store(self._places.letter(self._at, id), b"")
